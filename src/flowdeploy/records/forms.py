"""What an entry of a record must have for those who read it; other versions may write more."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flowdeploy.report import Aspect


class RecordForm(BaseModel):
    """The base of these forms: numbers are no texts, and further fields are let through."""

    model_config = ConfigDict(strict=True, extra="ignore")


class SplitRecord(RecordForm):
    allocations: dict[str, float]
    shard_by: str


class StepRecord(RecordForm):
    action: str
    instance: str | None = None
    traffic: str | None = None
    split: SplitRecord | None = None
    left: list[SplitRecord] = []
    shares: list[float] | None = None


class StageRecord(RecordForm):
    name: str
    steps: list[StepRecord]


class PlanRecord(RecordForm):
    kind: str
    ref: str | None
    version: str | None
    stages: list[StageRecord]


class CommitRecord(RecordForm):
    sha: str
    time: str


class HeaderRecord(RecordForm):
    run: str
    started: str
    user: str
    host: str
    command: str
    target: str
    plan: PlanRecord
    places: dict[str, list[str]]
    orders: dict[str, Any]
    commit: CommitRecord | None
    modified: bool


class ChangeRecord(RecordForm):
    aspect: Aspect = Field(strict=False)
    before: dict[str, Any] | str | None
    after: dict[str, Any] | list[str] | str | None

    @model_validator(mode="after")
    def check_values(self) -> "ChangeRecord":
        """A version is its id, traffic a split, additions their texts, all else the part of the
        configuration."""
        for value in filter(None, (self.before, self.after)):
            if isinstance(value, list) != (self.aspect is Aspect.ADDITIONS):
                raise ValueError(f"no {self.aspect} is a {type(value).__name__}")
            if isinstance(value, str) != (self.aspect is Aspect.VERSION):
                raise ValueError(f"no {self.aspect} is a {type(value).__name__}")
            if self.aspect is Aspect.TRAFFIC:
                SplitRecord.model_validate(value)
        return self


class IntentRecord(RecordForm):
    session: int
    place: int
    instance: str
    at: str
    change: ChangeRecord
    happened: bool | None
    number: int = -1


class EndingRecord(RecordForm):
    place: int
    outcome: str
    state: str | None
    left_unchanged: bool


class OutcomeRecord(RecordForm):
    outcome: str
    exit_code: int | None = None


class PlanEntry(RecordForm):
    header: HeaderRecord


class ChangesEntry(RecordForm):
    intents: list[IntentRecord]
    ended: list[EndingRecord]


class ReportEntry(PlanEntry):
    changes: list[IntentRecord]
    ended: list[EndingRecord]
    report: OutcomeRecord | None


class FileRecord(RecordForm):
    path: str
    size: int
    sha1: str


class LibraryRecord(RecordForm):
    coordinates: str
    version: str
    files: list[FileRecord]


class BuilderRecord(RecordForm):
    user: str
    host: str
    run: str
    at: str


class ReleaseRecord(RecordForm):
    version: str
    commit: CommitRecord | None
    modified: bool
    app_yaml: str
    files: list[FileRecord]
    configs: dict[str, str] | list[str]
    library: LibraryRecord | None
    built: BuilderRecord
    descriptor: dict[str, Any] | None = None


_ENTRIES: dict[str, type[RecordForm]] = {
    "plan": PlanEntry,
    "changes": ChangesEntry,
    "report": ReportEntry,
}


def check_entry(kind: str, document: Mapping[str, Any]) -> None:
    """Raises ValueError, which says where an entry of a run's record is not as it must be."""
    _check(_ENTRIES[kind], document)


def check_release(document: Mapping[str, Any]) -> None:
    """Raises ValueError, which says where a release record is not as it must be."""
    _check(ReleaseRecord, document)


def _check(form: type[RecordForm], document: Mapping[str, Any]) -> None:
    try:
        form.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
