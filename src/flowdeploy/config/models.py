"""Models of the configuration file; they validate it and describe it to editors.

Every field has a description and an example for the schema and for error messages.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from flowdeploy.appengine.app_yaml.keys import SENT
from flowdeploy.maven.repository_rules import address_problems
from flowdeploy.units import ALL, Portion, parse_duration

_LINE = r"^[^\x00-\x1f\x7f]+$"
_URL = r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s?#]*)?$"
PROJECT = r"^([a-z0-9-]+(\.[a-z0-9-]+)+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$"
SERVICE = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
NAME = r"^[a-z0-9][a-z0-9._-]{0,62}$"
PAGE = r"^/[^\s#]*$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_BRANCH = r"^[^-\x00-\x20\x7f~^:?*\[\\][^\x00-\x20\x7f~^:?*\[\\]*$"
_LONGEST_PATH = 2000  # bytes
_BUCKET = r"^(local|gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/[^\x00-\x1f\x7f]*)?)$"


def _file_path(value: str) -> str:
    """Linux takes 255 bytes for a name, and 4096 for a path, which is longer than this one."""
    if len(value.encode()) > _LONGEST_PATH or any(len(n.encode()) > 255 for n in value.split("/")):
        raise ValueError("no file system takes so long a path")
    return value


Line = Annotated[str, Field(pattern=_LINE)]
FilePath = Annotated[Line, AfterValidator(_file_path)]

# The keys of app.yaml that can be settings of an instance: without those of the flexible
# environment, and the Endpoints API, which is part of the application.
SETTING_KEYS = tuple(sorted(SENT.keys() - {"api_config", "vm", "vm_settings"}))


def _setting_key(value: str) -> str:
    if value not in SETTING_KEYS:
        raise ValueError("it is no setting")
    return value


def _duration(value: object) -> float:
    return parse_duration(value if isinstance(value, str) else f"{value}")


def _timeout(value: object) -> float:
    if not 1 <= (seconds := _duration(value)) <= 600:
        raise ValueError("an attempt takes from 1s to 10m")
    return seconds


def _portion(value: object) -> Portion:
    return Portion.parse(f"{value}")


def _some(value: object) -> Portion:
    if (portion := _portion(value)).number == 0:
        raise ValueError("with none at once the wave would never end")
    return portion


def _repository(url: str) -> str:
    if found := "; ".join(address_problems(url)):
        raise ValueError(found)
    return url


_AS_DURATION = WithJsonSchema(
    {"type": "string", "minLength": 2, "pattern": r"^(\d+h)?(\d+m)?(\d+(\.\d+)?s)?$"}
)
Duration = Annotated[float, PlainValidator(_duration), _AS_DURATION]
Timeout = Annotated[float, PlainValidator(_timeout), _AS_DURATION]
_SHARE = {"type": ["integer", "string"], "pattern": r"^\d+%?$"}
Share = Annotated[Portion, PlainValidator(_portion), WithJsonSchema(_SHARE | {"minimum": 0})]
SomeShare = Annotated[Portion, PlainValidator(_some), WithJsonSchema(_SHARE | {"minimum": 1})]

_KEY_SCHEMA = WithJsonSchema({"enum": list(SETTING_KEYS), "type": "string"})
SettingKey = Annotated[str, AfterValidator(_setting_key), _KEY_SCHEMA]


class Section(BaseModel):
    """A mapping of the file, without other keys and without conversion of types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class BuildSection(Section):
    """The build's commands, and the folder of its result."""

    commands: list[Annotated[str, Field(pattern=r"^[^\x00]*[^\x00\s][^\x00]*$")]] = Field(
        description="Commands, run in order with the shell; the first failure stops the run.",
        examples=[["npm ci", "mvn package"]],
    )
    directory: FilePath = Field(
        default=".", description="The folder in which the commands run.", examples=["GAE"]
    )
    env: list[Annotated[str, Field(pattern=_VARIABLE)]] = Field(
        default=[],
        description="Names of variables that look like credentials and that the build needs; "
        "all others are removed from its environment.",
        examples=[["NPM_TOKEN"]],
    )
    reuse: bool = Field(
        default=False,
        description="Whether a release tag deploys the files that the trunk's pipeline has built "
        "of the same commit, if they are on record, in place of building again.",
        examples=[True],
    )
    staging: FilePath = Field(
        description="The folder that is deployed: app.yaml and the application's files.",
        examples=["target/appengine-staging"],
    )


class LibrarySection(Section):
    """The jar that every build publishes to a Maven repository."""

    jar: FilePath = Field(description="The jar.", examples=["target/akvo-flow-classes.jar"])
    pom: FilePath = Field(description="Its pom.", examples=["pom.xml"])
    classifier: Annotated[str, Field(pattern=NAME)] | None = Field(
        default=None,
        description="The classifier under which the jar is published.",
        examples=["classes"],
    )
    repository: Annotated[str, AfterValidator(_repository)] = Field(
        default="https://clojars.org/repo",
        pattern=_URL,
        description="The repository's URL, https://HOST/PATH. User and token come from "
        "CLOJARS_USERNAME and CLOJARS_PASSWORD.",
        examples=["https://clojars.org/repo"],
    )


class DescriptorsSection(Section):
    """The instances' own descriptors; in place of the mapping the folder alone may stand."""

    directory: FilePath = Field(
        description="The folder with ID/appengine-web.xml and ID/.skip-deployment of instances.",
        examples=["../akvo-flow-server-config"],
    )
    alias: Line | None = Field(
        default=None,
        description="A system property of every descriptor that must be its instance's id, "
        "project or alias.",
        examples=["alias"],
    )


def _as_section(value: object) -> object:
    return {"directory": _file_path(value)} if isinstance(value, str) else value


class UploadSection(Section):
    """How files reach App Engine."""

    mode: Literal["files", "zip"] = Field(
        default="files", description="One object a file, or one archive.", examples=["files"]
    )


class HealthSection(Section):
    """The page of the health check."""

    path: str = Field(
        default="/",
        pattern=PAGE,
        description="The page's path on the instance; it begins with /.",
        examples=["/"],
    )
    timeout: Timeout = Field(
        default=30.0,
        description="How long one attempt may take, from 1s to 10m.",
        examples=["30s"],
        json_schema_extra={"default": "30s"},
    )
    attempts: int = Field(
        default=10, ge=1, le=100, description="How many attempts are made.", examples=[10]
    )


class WaveSection(Section):
    """Production instances that are promoted together."""

    name: str = Field(
        pattern=NAME,
        description="The wave's name: lower-case letters, digits, `.`, `_` and `-`.",
        examples=["internal"],
    )
    max: SomeShare = Field(
        default=ALL,
        description="How many of its instances are promoted at once: a number or a share.",
        examples=["10%"],
    )
    pause: Duration = Field(
        default=0.0,
        description="How long to wait after the wave.",
        examples=["10m"],
        json_schema_extra={"default": "0s"},
    )


class RolloutSection(Section):
    """The pace of a rollout, and when it stops."""

    jobs: int = Field(
        default=32,
        ge=1,
        le=256,
        description="How many instances are worked on at once.",
        examples=[32],
    )
    max_failures: Share = Field(
        default=Portion(0),
        description="How many production instances may fail before no more are started: "
        "a number or a share.",
        examples=["5%"],
    )
    waves: list[WaveSection] = Field(
        default=[],
        description="The order of a promotion. Instances without a wave come last.",
        examples=[[{"name": "internal"}]],
    )


class InstanceSection(Section):
    """One App Engine service that runs the application."""

    id: str = Field(
        pattern=NAME,
        description="Its name here, on the command line and in file names: lower-case letters, "
        "digits, `.`, `_` and `-`, at most 63.",
        examples=["akvoflow-1"],
    )
    role: Literal["uat1", "uat2", "production"] = Field(
        description="Releases go to uat1 first, the trunk to uat2.", examples=["production"]
    )
    project: Annotated[str, Field(pattern=PROJECT)] | None = Field(
        default=None,
        description="Google's id of its project, by default its own id: 6 to 30 lower-case "
        "letters, digits and hyphens, a letter first and no hyphen last.",
        examples=["akvoflow-1"],
    )
    service: str = Field(
        default="default",
        pattern=SERVICE,
        description="The App Engine service: lower-case letters, digits and inner hyphens.",
        examples=["default"],
    )
    url: Annotated[str, Field(pattern=_URL)] | None = Field(
        default=None,
        description="Its address for users, if not at appspot.com: https://HOST/PATH.",
        examples=["https://uat1.akvoflow.org"],
    )
    wave: Annotated[str, Field(pattern=NAME)] | None = Field(
        default=None,
        description="The wave in which it is promoted: a name out of rollout.waves.",
        examples=["internal"],
    )
    skip: Line | None = Field(
        default=None, description="The reason to skip it, in one line.", examples=["closed in 2019"]
    )
    alias: Line | None = Field(
        default=None,
        description="The value of descriptors.alias in its descriptor, if that is neither its id "
        "nor its project.",
        examples=["flow-of-akvo"],
    )
    settings: dict[SettingKey, Any] = Field(
        default={},
        description="Keys of app.yaml for this instance only.",
        examples=[{"instance_class": "F4"}],
    )


class ConfigFile(Section):
    """The fleet of one application, and how releases reach it."""

    trunk: str = Field(
        default="master",
        pattern=_BRANCH,
        description="The short name of the branch that is deployed to UAT2.",
        examples=["main"],
    )
    build: BuildSection = Field(examples=[{"commands": ["make"], "staging": "target/staging"}])
    library: LibrarySection | None = Field(
        default=None, examples=[{"jar": "target/classes.jar", "pom": "pom.xml"}]
    )
    descriptors: Annotated[DescriptorsSection | None, BeforeValidator(_as_section)] = Field(
        default=None,
        description="A folder with ID/appengine-web.xml and ID/.skip-deployment of instances.",
        examples=["../akvo-flow-server-config"],
    )
    upload: UploadSection = Field(default_factory=UploadSection, examples=[{"mode": "files"}])
    records: Annotated[str, Field(pattern=_BUCKET)] | None = Field(
        default=None,
        description="Where releases, runs and locks are kept: gs://BUCKET/PREFIX, or `local` for "
        "this machine only. By default UAT1's code bucket.",
        examples=["gs://akvoflow-releases/flow"],
    )
    health: HealthSection | None = Field(default=None, examples=[{"path": "/"}])
    rollout: RolloutSection = Field(default_factory=RolloutSection, examples=[{"jobs": 32}])
    prune_queues: bool = Field(
        default=False,
        description="Whether a promotion pauses queues that the new version does not list.",
        examples=[True],
    )
    instances: list[InstanceSection] = Field(
        description="The fleet: one uat1, one uat2, any number in production.",
        examples=[[{"id": "akvoflow-1", "role": "production"}]],
    )


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of the whole file."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **ConfigFile.model_json_schema(schema_generator=_AsWritten),
        "title": "flowdeploy: config/instances.yaml",
    }


class _AsWritten(GenerateJsonSchema):
    """Describes the file as it is written: shares are text, and null is not allowed."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        """The folder alone may stand in place of the section of descriptors."""
        return {
            "anyOf": [{"type": "string", "pattern": _LINE}, super().function_before_schema(schema)]
        }

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, Portion) else super().encode_default(dft)
