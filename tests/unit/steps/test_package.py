"""What one instance gets: the files of all, its own, and its own settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flowdeploy.appengine.manifest import MOST_FILES, File, Manifest
from flowdeploy.checks.findings import Finding
from flowdeploy.config.values import DescriptorsConfig
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Deploy, Traffic
from flowdeploy.steps import staging
from flowdeploy.steps.context import Permissions
from flowdeploy.steps.deploy.package import VersionPackage, make_packages

DESCRIPTOR = "WEB-INF/appengine-web.xml"


def _descriptor(inside: str = "") -> str:
    xmlns = "http://appengine.google.com/ns/1.0"
    return f'<appengine-web-app xmlns="{xmlns}">\n{inside}\n</appengine-web-app>\n'


def _instance(name: str, service: str = "default", **settings: object) -> Instance:
    return Instance(name, Role.PRODUCTION, name, service, settings=settings)


@pytest.fixture
def staged(tmp_path: Path) -> staging.StagedApp:
    folder = tmp_path / "staged"
    (folder / "WEB-INF").mkdir(parents=True)
    (folder / "app.yaml").write_text(
        "runtime: java21\ninstance_class: F1\nautomatic_scaling: {max_instances: 5}\n"
    )
    (folder / DESCRIPTOR).write_text(_descriptor("<!-- of uat2 -->"))
    (folder / "index.html").write_text("hello")
    return staging.read(folder)


@pytest.fixture
def descriptors(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / "descriptors" / name).mkdir(parents=True)
        (tmp_path / "descriptors" / name / "appengine-web.xml").write_text(
            _descriptor(
                f"<!-- {name} --><automatic-scaling><max-instances>10</max-instances>"
                "</automatic-scaling><instance-class>F2</instance-class>"
            )
        )
    return tmp_path / "descriptors"


def _packed(
    staged: staging.StagedApp, descriptors: Path | None, *instances: Instance
) -> tuple[dict[str, VersionPackage], list[Finding]]:
    steps = [Deploy(instance, "1", Traffic.DARK) for instance in instances]
    folder = DescriptorsConfig(descriptors) if descriptors else None
    return make_packages(steps, staged, Permissions(), folder)


def _of(package: VersionPackage, path: str) -> Path:
    """The file on this machine that becomes ``path``."""
    return package.contents[package.wanted.files[path]]


def test_the_descriptor_of_the_instance_takes_the_place_of_the_staged_one(
    staged: staging.StagedApp, descriptors: Path
) -> None:
    packed, findings = _packed(staged, descriptors, _instance("one"), _instance("two"))
    assert findings == []
    for name, package in packed.items():
        own = descriptors / name / "appengine-web.xml"
        assert _of(package, DESCRIPTOR) == own
        assert list(package.own.values()) == [own]
        assert sorted(path.name for path in package.common.values()) == ["app.yaml", "index.html"]
        body = package.to_version_body("bucket")
        assert body["deployment"]["files"].keys() == {"app.yaml", "index.html", DESCRIPTOR}
        assert {f.path: f.sha1 for f in package.manifest.files} == dict(package.wanted.files)


def test_the_staged_descriptor_is_somebodys_and_goes_to_nobody_else(
    staged: staging.StagedApp, descriptors: Path
) -> None:
    (package,) = _packed(staged, descriptors, _instance("one"))[0].values()
    assert not any("of uat2" in path.read_text() for path in package.contents.values())


def test_without_descriptors_all_files_are_common(staged: staging.StagedApp) -> None:
    (package,) = _packed(staged, None, _instance("one"))[0].values()
    assert package.own == {}
    assert package.contents == staged.contents
    assert package.manifest == staged.manifest


def test_settings_go_over_the_descriptor_and_the_descriptor_over_app_yaml(
    staged: staging.StagedApp, descriptors: Path
) -> None:
    (package,) = _packed(staged, descriptors, _instance("one", instance_class="F4"))[0].values()
    body = package.to_version_body("bucket")
    assert body["instanceClass"] == "F4"
    assert body["automaticScaling"] == {"standardSchedulerSettings": {"maxInstances": 10}}
    assert package.app.origins["runtime"] == staged.app.source
    assert package.app.origins["automatic_scaling"] == str(descriptors / "one/appengine-web.xml")
    assert package.app.origins["instance_class"] == "settings of one"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "{path} cannot be read: No such file or directory. Every instance"),
        ("", "{path}:1: is no XML"),
        ("<html/>", "{path}:1: is <html>, not <appengine-web-app>"),
        ("404: Not Found", "{path}:1: is no XML"),
        (_descriptor("<pagespeed/>"), "{path}:2: <pagespeed> is not supported"),
        (_descriptor("<runtime>java17</runtime>"), "{path}: runtime cannot differ from app.yaml"),
        (_descriptor("<service>api</service>"), "{path}:1: it is for the service api, and two is"),
        (_descriptor("<instance-class/><max-instances/>"), "{path}:2: <max-instances> is not"),
    ],
)
def test_each_instance_that_has_no_usable_descriptor_is_named(
    staged: staging.StagedApp, descriptors: Path, content: str | None, said: str
) -> None:
    path = descriptors / "two/appengine-web.xml"
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    packed, (finding,) = _packed(staged, descriptors, _instance("one"), _instance("two"))
    assert packed.keys() == {"one"}
    assert finding.instance == "two"
    assert finding.message.startswith(said.format(path=path))


def test_all_that_is_wrong_is_found_at_once(staged: staging.StagedApp, descriptors: Path) -> None:
    (descriptors / "one/appengine-web.xml").write_text(_descriptor("<a/>\n<b/>"))
    wrong = _instance("two", colour="red")
    findings = _packed(staged, descriptors, _instance("one"), wrong, _instance("three"))[1]
    assert [finding.instance for finding in findings] == ["one", "one", "two", "three"]


def test_a_folder_that_is_not_there_is_told_once(staged: staging.StagedApp, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"folder of descriptors .* does not exist"):
        _packed(staged, tmp_path / "nowhere", _instance("one"), _instance("two"))


def test_an_app_yaml_of_another_service_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.yaml").write_text("runtime: java21\nservice: api\n")
    staged = staging.read(tmp_path)
    packed, (finding,) = _packed(staged, None, _instance("one"), _instance("two", "api"))
    assert packed.keys() == {"two"}
    assert "is for the service api, and one is the service default" in finding.message


def test_settings_without_effect_are_told_with_the_instance(staged: staging.StagedApp) -> None:
    (package,) = _packed(staged, None, _instance("one", zones=["a"]))[0].values()
    assert len(package.notes) == 1
    assert "zones" in package.notes[0]


def test_files_over_the_limits_are_refused_with_the_instances_own(
    staged: staging.StagedApp, descriptors: Path
) -> None:
    fill = tuple(File(f"many/{n:05}", 1, "aa") for n in range(MOST_FILES - 2))
    full = replace(staged, manifest=Manifest((*staged.manifest.files, *fill)))
    fits = replace(full, manifest=Manifest(full.manifest.files[1:]))
    assert _packed(fits, None, _instance("one"))[1] == []
    for of in (None, descriptors):
        packed, [finding] = _packed(full, of, _instance("one"))
        assert not packed
        assert finding.message.startswith("10001 files are more than the 10000 of a version")
