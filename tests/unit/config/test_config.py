"""Where the configuration is found, and what it comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowdeploy.appengine.forms.problems import Position
from flowdeploy.config.loading import find, load, problems
from flowdeploy.config.values import (
    BucketRecords,
    BuildConfig,
    Config,
    DescriptorsConfig,
    HealthConfig,
    LibraryConfig,
    LocalRecords,
    RolloutConfig,
    UploadMode,
)
from flowdeploy.errors import ConfigError
from flowdeploy.planning.fleet import Fleet, Instance, Role, Wave
from flowdeploy.units import ALL, Portion

REPOSITORY = Path(__file__).parents[3]

MINIMAL = """\
build: {commands: [make], staging: out}
instances:
  - {id: flow-uat1, role: uat1}
  - {id: flow-uat2, role: uat2}
"""

FULL = """\
trunk: main
build: {commands: [make, make test], directory: src, env: [NPM_TOKEN], staging: src/out}
library: {jar: a.jar, pom: pom.xml, classifier: classes, repository: https://repo.example.org/m2}
descriptors: ../descriptors
upload: {mode: zip}
records: gs://flow-releases/records
health: {path: /healthy, timeout: 1m30s, attempts: 3}
rollout: {jobs: 8, max_failures: 5%, waves: [{name: early, max: 2, pause: 10m}, {name: small}]}
prune_queues: true
instances:
  - {id: flow-uat1, role: uat1, url: "https://uat1.example.org"}
  - {id: uat2, role: uat2, project: "example.org:flow-uat2", service: web}
  - {id: flow-1, role: production, wave: early, settings: {instance_class: F4}}
  - {id: flow-2, role: production, skip: 2019-06-30}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "config" / "instances.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_system_property_can_name_the_instance_of_a_descriptor(tmp_path: Path) -> None:
    text = FULL.replace("../descriptors", "{directory: ../descriptors, alias: alias}")
    config = load(write(tmp_path, text.replace("id: flow-1,", "id: flow-1, alias: one,")))

    assert config.descriptors == DescriptorsConfig(tmp_path / "../descriptors", "alias")
    assert config.fleet["flow-1"].names == {"flow-1", "one"}
    assert config.fleet["uat2"].names == {"uat2", "example.org:flow-uat2"}


def test_what_is_not_written_has_a_default(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)

    assert load(path) == Config(
        path=path,
        root=tmp_path,
        trunk="master",
        build=BuildConfig(("make",), tmp_path, (), tmp_path / "out"),
        library=None,
        descriptors=None,
        upload=UploadMode.FILES,
        records=BucketRecords("staging.flow-uat1.appspot.com", "flowdeploy/", own=False),
        health=None,
        rollout=RolloutConfig(32, Portion(0), ()),
        prune_queues=False,
        fleet=Fleet(
            (
                Instance("flow-uat1", Role.UAT1, project="flow-uat1"),
                Instance("flow-uat2", Role.UAT2, project="flow-uat2"),
            )
        ),
    )


def test_everything_that_can_be_written(tmp_path: Path) -> None:
    config = load(write(tmp_path, FULL))

    assert config.trunk == "main"
    assert config.build == BuildConfig(
        ("make", "make test"), tmp_path / "src", ("NPM_TOKEN",), tmp_path / "src/out"
    )
    assert config.library == LibraryConfig(
        tmp_path / "a.jar", tmp_path / "pom.xml", "classes", "https://repo.example.org/m2"
    )
    assert config.descriptors == DescriptorsConfig(tmp_path / "../descriptors")
    assert config.upload is UploadMode.ZIP
    assert config.records == BucketRecords("flow-releases", "records/", own=True)
    assert config.health == HealthConfig("/healthy", 90.0, 3)
    assert config.rollout == RolloutConfig(
        8, Portion(5, percent=True), (Wave("early", Portion(2), 600.0), Wave("small", ALL, 0.0))
    )
    assert config.prune_queues is True
    assert config.fleet.instances == (
        Instance("flow-uat1", Role.UAT1, "flow-uat1", url="https://uat1.example.org"),
        Instance("uat2", Role.UAT2, "example.org:flow-uat2", service="web"),
        Instance(
            "flow-1",
            Role.PRODUCTION,
            "flow-1",
            wave="early",
            settings={"instance_class": "F4"},
        ),
        Instance("flow-2", Role.PRODUCTION, "flow-2", skip="2019-06-30"),
    )


def test_anchors_and_aliases_are_written_out(tmp_path: Path) -> None:
    text = MINIMAL + (
        "  - {id: flow-1, role: production, settings: &big {instance_class: F4}}\n"
        "  - {id: flow-2, role: production, settings: *big}\n"
    )
    one, other = load(write(tmp_path, text)).fleet.production

    assert one.settings == other.settings == {"instance_class": "F4"}


def test_the_root_is_the_files_own_folder_where_that_is_not_config(tmp_path: Path) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text(MINIMAL)

    assert load(path).root == tmp_path


def test_a_marker_skips_the_instance_of_the_whole_id_only(tmp_path: Path) -> None:
    text = MINIMAL + (
        "  - {id: akvoflow-37, role: production}\n"
        "  - {id: akvoflow-370, role: production}\n"
        "  - {id: akvoflow-38, role: production, skip: closed}\n"
        "descriptors: flows\n"
    )
    for marked in ("akvoflow-37", "akvoflow-38", "akvoflow"):
        marker = tmp_path / "flows" / marked / ".skip-deployment"
        marker.parent.mkdir(parents=True)
        marker.touch()

    skips = [instance.skip for instance in load(write(tmp_path, text)).fleet.production]

    assert skips == ["marked by flows/akvoflow-37/.skip-deployment", None, "closed"]


def test_a_rollback_needs_no_checkout_but_config_check_asks_for_the_builds_folder(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, MINIMAL.replace("staging:", "directory: gone, staging:"))

    (problem,) = problems(path)

    assert load(path).build.directory == tmp_path / "gone"
    assert problem.position == Position(1, 38)
    assert problem.message == f"there is no folder {tmp_path / 'gone'}"


def test_a_marker_that_cannot_be_looked_for_skips_nothing_in_silence(tmp_path: Path) -> None:
    path = write(tmp_path, f"{MINIMAL}descriptors: {'x' * 300}\n")

    with pytest.raises(ConfigError, match="no file system takes so long a path"):
        load(path)


def test_it_is_found_from_a_folder_below(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    below = tmp_path / "src" / "main"
    below.mkdir(parents=True)

    assert find(below) == path


def test_the_nearest_one_wins(tmp_path: Path) -> None:
    write(tmp_path, MINIMAL)
    nearest = write(tmp_path / "examples" / "flow", MINIMAL)

    assert find(tmp_path / "examples" / "flow" / "config") == nearest


@pytest.mark.parametrize("is_worktree", [False, True])
def test_the_search_ends_at_the_root_of_the_checkout(tmp_path: Path, is_worktree: bool) -> None:
    write(tmp_path, MINIMAL)
    checkout = tmp_path / "checkout"
    (checkout / "src").mkdir(parents=True)
    (checkout / ".git").touch() if is_worktree else (checkout / ".git").mkdir()

    with pytest.raises(ConfigError, match=r"no config/instances\.yaml") as caught:
        find(checkout / "src")

    assert caught.value.message.endswith(f"in {checkout / 'src'} or above it, up to {checkout}")
    assert caught.value.hint is not None
    assert "--config" in caught.value.hint


@pytest.mark.parametrize("name", ["", "missing.yaml", "null\0character", "/dev/zero"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration") as caught:
        load(tmp_path / name)

    assert str(tmp_path / name) in caught.value.message
    assert caught.value.hint is not None
    assert "--config" in caught.value.hint


def test_the_fleet_of_this_repository() -> None:
    path = REPOSITORY / "config" / "instances.yaml"
    production = load(path).fleet.production

    assert problems(path) == ()
    assert len(production) >= 12
    assert len([instance for instance in production if instance.skip]) == 2


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("local", LocalRecords()),
        ("gs://mine", BucketRecords("mine", "", own=True)),
        ("gs://mine/", BucketRecords("mine", "", own=True)),
        ("gs://mine/a/b", BucketRecords("mine", "a/b/", own=True)),
        ("gs://mine/a/", BucketRecords("mine", "a/", own=True)),
    ],
)
def test_where_records_are_stored(
    tmp_path: Path, place: str, expected: LocalRecords | BucketRecords
) -> None:
    assert load(write(tmp_path, f"records: {place}\n{MINIMAL}")).records == expected
