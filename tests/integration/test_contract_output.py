"""What goes where: results, progress, reports, and the words around them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.conftest import Project

RELEASE = "20200403-073034"
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
LOUD = "print('\\x1b[31mred\\x1b[0m\\rback\\a')"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "json", "plan", "my-feature", "--config", "fleet.yaml"],
        ["--config", "fleet.yaml", "plan", "my-feature", "--format", "json"],
        ["plan", "--quiet", "my-feature", "--format=json", "--config=fleet.yaml"],
        ["--quiet", "--verbose", "--format=json", "--config=fleet.yaml", "plan", "my-feature"],
        ["--format", "table", "plan", "my-feature", "--format", "json", "--config", "fleet.yaml"],
    ],
)
def test_common_options_stand_before_the_command_and_after_it(
    project: Project, arguments: list[str]
) -> None:
    (project.root / "config/instances.yaml").rename(project.root / "fleet.yaml")
    assert project.run(*arguments).json["kind"] == "feature"


def test_the_configuration_is_found_from_below(project: Project) -> None:
    (project.root / "GAE/src").mkdir(parents=True)
    project.monkeypatch.chdir(project.root / "GAE/src")
    assert project.run("plan", "my-feature").code == 0


def test_the_configuration_can_be_named_by_the_environment(
    project: Project, tmp_path: Path
) -> None:
    project.monkeypatch.chdir(tmp_path)
    named = str(project.root / "config/instances.yaml")
    assert project.run("plan", "my-feature", FLOWDEPLOY_CONFIG=named).code == 0
    assert project.run("plan", "my-feature").code == 2


def test_the_search_for_a_configuration_ends_at_the_root_of_the_checkout(project: Project) -> None:
    inner = project.root / "other"
    inner.mkdir()
    project.monkeypatch.chdir(inner)
    project.git("init", "-q", str(inner))
    ended = project.run("plan", "my-feature")
    assert ended.code == 2
    assert "FLOWDEPLOY_CONFIG" in ended.err


@pytest.mark.parametrize(
    "arguments", [["run", RELEASE], ["promote", "1", "all"], ["run", f"promote-{RELEASE}"]]
)
def test_the_target_is_the_first_and_the_last_thing_that_is_said(
    project: Project, arguments: list[str]
) -> None:
    ended = project.run(*arguments)
    line = f"Target: sandbox at {project.remote.url}"
    assert ended.err.splitlines()[0] == line
    assert ended.out.splitlines()[-1] == line


@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_pipe_gets_plain_lines(project: Project, environ: dict[str, str]) -> None:
    project.edit("build.py", "print(", f"{LOUD}\nprint(")
    for arguments in (["plan", RELEASE], ["run", RELEASE, "--allow-dirty"], ["run", "nonsense "]):
        ended = project.run(*arguments, **environ)
        assert not CONTROL.search(ended.out + ended.err)
    assert ended.out == ""


def test_progress_is_a_line_for_each_event(project: Project) -> None:
    lines = project.run("run", RELEASE).err.splitlines()
    assert "built " + RELEASE in lines
    for name in ("flow-uat1", "akvoflow-1", "akvoflow-5"):
        (line,) = (line for line in lines if name in line)
        assert "deployed" in line


def test_a_build_is_heard_while_it_runs_and_kept(project: Project) -> None:
    project.edit("build.py", "print(", f"{LOUD}\nprint(")
    project.run("run", "my-feature", "--allow-dirty")
    (folder,) = project.runs
    assert {"build.log", "report.json"} <= {path.name for path in folder.iterdir()}
    log = (folder / "build.log").read_text()
    assert "\x1b[31mred\x1b[0m" in log
    assert re.search(r"^built 20200403-073034-[0-9a-f]{8}$", log, re.MULTILINE)


def test_quiet_says_only_the_target_and_the_result(project: Project) -> None:
    ended = project.run("--quiet", "run", "my-feature")
    assert (ended.code, ended.err) == (0, f"Target: sandbox at {project.remote.url}\n")
    assert "published" in ended.out


def test_verbose_says_what_each_instance_is_doing(project: Project) -> None:
    ended = project.run("--verbose", "run", RELEASE)
    assert "akvoflow-1  creating the version" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "my-feature"], 0),
        (["run", "promote-nonsense"], 2),
        (["run", ""], 2),
        (["run"], 2),
        (["run", RELEASE, "--only", "nobody"], 2),
        (["run", RELEASE, "--jobs", "0"], 2),
        (["run", RELEASE, "--max-failures", "many"], 2),
        (["run", RELEASE, "--unheard-of"], 2),
        (["run", RELEASE, "--config", "nowhere.yaml"], 2),
        (["run", "20200403-073035"], 4),
        (["promote", RELEASE, "all"], 4),
        (["promote", "1", "akvoflow-37"], 2),
        (["promote", "1", "all", "akvoflow-1"], 2),
        (["promote", "1", "nobody"], 2),
        (["promote", "1"], 2),
        (["promote", "1", ","], 2),
        (["promote", "V_1", "all"], 2),
    ],
)
def test_as_json_standard_output_is_one_report_whatever_happens(
    project: Project, arguments: list[str], code: int
) -> None:
    report = project.report(*arguments)
    assert report["exit_code"] == code
    assert (report["schema"], report["target"]) == (1, project.remote.url)
    kept = {"run", "ref", "kind", "version", "outcome", "started", "seconds", "steps", "error"}
    assert kept <= report.keys()
    if code == 2:
        assert report["steps"] == []
        assert report["error"]["message"]
    assert report["kind"] == ("promote" if arguments[0] == "promote" else report["kind"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "promote-nonsense"],
        ["plan"],
        ["nothing-known"],
        ["versions"],
        ["versions", "--project", "nobody-here"],
        ["config", "check", "--config", "nowhere.yaml"],
        ["sandbox", "serve", "--port", "nonsense"],
        ["--unheard-of"],
    ],
)
def test_as_json_a_command_without_a_report_says_its_error(
    project: Project, arguments: list[str]
) -> None:
    ended = project.run(*arguments, "--format", "json")
    assert ended.json["exit_code"] == ended.code != 0
    assert ended.json["error"]["message"]
    assert ended.err.startswith("Error: ")


def test_the_report_is_kept_and_written_where_it_is_asked_for(project: Project) -> None:
    report = project.report("run", RELEASE, "--report", "out/ci")
    for place in (project.root / "out/ci", project.root / ".flowdeploy/runs" / report["run"]):
        assert json.loads((place / "report.json").read_text()) == report


def test_the_home_can_be_elsewhere(project: Project, tmp_path: Path) -> None:
    home = tmp_path / "home"
    report = project.report("run", "my-feature", FLOWDEPLOY_HOME=str(home))
    assert (home / "runs" / report["run"] / "report.json").exists()
    assert not (project.root / ".flowdeploy").exists()


def test_flowdeploys_own_folder_is_never_deployed(project: Project) -> None:
    project.edit("config/instances.yaml", "target/staging", ".")
    project.write("app.yaml", "runtime: java21\n")
    project.run("run", RELEASE, "--allow-dirty", "--only", "akvoflow-1")
    files = project.remote.files("akvoflow-1", RELEASE)
    assert "content.txt" in files
    assert [f for f in files if f.startswith((".flowdeploy", ".git/"))] == []


def test_the_ci_gets_a_summary_after_those_of_earlier_steps(
    project: Project, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# Earlier\n")
    project.run("run", RELEASE, GITHUB_STEP_SUMMARY=str(summary))
    text = summary.read_text()
    assert text.startswith("# Earlier\n## flowdeploy: succeeded\n")
    for name in ("flow-uat1", "akvoflow-5", "akvoflow-37"):
        assert name in text


def test_a_refused_run_has_a_summary_too(project: Project, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    project.run("promote", RELEASE, "all", GITHUB_STEP_SUMMARY=str(summary))
    assert summary.read_text().startswith("## flowdeploy: refused\n")


def test_every_command_has_help(project: Project) -> None:
    for arguments in ([], ["run"], ["plan"], ["promote"], ["versions"], ["config"], ["sandbox"]):
        ended = project.run(*arguments, "--help")
        assert ended.code == 0
        assert "Usage: flowdeploy" in ended.out


def test_no_arguments_print_help(project: Project) -> None:
    ended = project.run()
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: flowdeploy [OPTIONS] COMMAND")
    assert ended.err.rstrip().endswith("flowdeploy COMMAND --help")


@pytest.mark.parametrize("place", ["file/report", "file"])
def test_a_report_that_cannot_be_written_is_told_before_anything_is_done(
    project: Project, place: str
) -> None:
    project.write("file", "")
    report = project.report("run", "my-feature", "--report", place)
    assert (report["exit_code"], report["steps"]) == (2, [])
    assert project.remote.requests() == []


def test_a_home_that_cannot_be_made_is_told_before_anything_is_done(project: Project) -> None:
    project.write("file", "")
    report = project.report("run", "my-feature", FLOWDEPLOY_HOME="file/home")
    assert (report["exit_code"], report["steps"]) == (2, [])
    assert "file/home" in report["error"]["message"]


def test_a_summary_that_cannot_be_written_changes_nothing_of_how_a_run_ends(
    project: Project,
) -> None:
    ended = project.run("run", "my-feature", GITHUB_STEP_SUMMARY=str(project.root))
    assert ended.code == 0
    assert f"Note: {project.root} cannot be written: Is a directory" in ended.err


def test_what_cannot_be_planned_is_reported_in_all_places_too(
    project: Project, tmp_path: Path
) -> None:
    summary, folder = tmp_path / "summary.md", tmp_path / "report"
    folder.mkdir()
    report = project.report(
        "run", "nonsense ", "--report", str(folder), GITHUB_STEP_SUMMARY=str(summary)
    )
    assert json.loads((folder / "report.json").read_text()) == report
    assert summary.read_text().startswith("## flowdeploy: failed\n")
