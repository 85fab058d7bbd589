"""Progress: plain lines as they stand in a log, and the frames of the live display."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from flowdeploy.display.frame import Frame
from flowdeploy.display.live import LiveProgress
from flowdeploy.display.progress import show_progress
from flowdeploy.display.view import View
from flowdeploy.errors import ServiceError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Build, Deploy, Plan, PlanKind, Stage, StageKind, Traffic
from flowdeploy.report import Outcome, State, StepReport, initial_reports
from flowdeploy.rollout.contract import Listener

URL = "https://20200403-073034-dot-default-dot-akvoflow-1.ew.r.appspot.com"
DENIED = ServiceError("PERMISSION_DENIED", "The caller\n[may] not")


def plan_of(count: int) -> Plan:
    fleet = [Instance(f"akvoflow-{n}", Role.PRODUCTION, f"akvoflow-{n}") for n in range(count)]
    dark = tuple(Deploy(i, "20200403-073034", Traffic.DARK) for i in fleet)
    stages = (Stage(StageKind.BUILD, (Build(),)), Stage(StageKind.PRODUCTION, dark))
    return Plan("refs/tags/20200403-073034", PlanKind.RELEASE, "20200403-073034", stages)


def done(report: StepReport) -> StepReport:
    return replace(report, outcome=Outcome.DONE, state=State.DARK, seconds=2.2, url=URL)


def failed(report: StepReport) -> StepReport:
    return replace(report, outcome=Outcome.FAILED, seconds=0.1, error=DENIED)


def play(plan: Plan, progress: Listener) -> None:
    """A build, a check, and two instances, one of which fails."""
    build, first, second = initial_reports(plan)
    progress.message("working as [somebody]")
    progress.stage_started(plan.stages[0])
    progress.step_started(build)
    progress.build_line("\x1b[32mcompiling\x1b[0m [all]\r\n")
    progress.step_finished(replace(build, outcome=Outcome.DONE, seconds=61))
    for read in range(3):
        progress.checking(read, 2)
    progress.stage_started(plan.stages[1])
    for step in (first, second):
        progress.step_started(step)
    progress.step_noted(second, "uploading 2 of 9 files")
    progress.step_finished(done(first))
    progress.step_finished(failed(second))


def plain(*, quiet: bool = False, verbose: bool = False) -> str:
    stream = io.StringIO()
    plan = plan_of(2)
    console = Console(file=stream, width=20)
    target = "http://127.0.0.1:8080"
    with show_progress(plan, target, console=console, quiet=quiet, verbose=verbose) as progress:
        play(plan, progress)
    return stream.getvalue()


def test_plain_lines() -> None:
    assert (
        plain()
        == f"""\
Target: sandbox at http://127.0.0.1:8080
working as [somebody]
build       begins
compiling [all]
build       built  1m01s
checks      0 of 2 instances read
checks      2 of 2 instances read
production  begins, 2 instances
production  akvoflow-0  deployed, dark  2.2s  {URL}
production  akvoflow-1  failed  0.1s  PERMISSION_DENIED: The caller [may] not
"""
    )


def test_verbose_plain_lines_say_what_each_step_is_doing() -> None:
    more = [line for line in plain(verbose=True).splitlines() if line not in plain()]
    assert more == [
        "build       build begins",
        "production  akvoflow-0  deploy begins",
        "production  akvoflow-1  deploy begins",
        "production  akvoflow-1  uploading 2 of 9 files",
    ]


def test_quiet_says_where_it_works_and_no_more() -> None:
    assert plain(quiet=True) == "Target: sandbox at http://127.0.0.1:8080\n"


def drawn(
    view: View, now: float, width: int = 60, height: int = 30, encoding: str = "utf-8"
) -> list[str]:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = Console(
        file=stream, force_terminal=True, color_system=None, width=width, height=height
    )
    with console.capture() as capture:
        console.print(Frame(view, now))
    return [line.rstrip() for line in capture.get().splitlines()]


def under_way(plan: Plan) -> View:
    """The build is done, one instance has failed, all others are under way, some with a note."""
    build, first, *others = initial_reports(plan)
    view = View.of(plan).start_stage(plan.stages[0], 10).start_step(build, 10)
    view = view.finish_step(done(build), 14).start_stage(plan.stages[1], 15).start_step(first, 15)
    for step in others:
        view = view.start_step(step, 16)
    view = view.add_note(others[0], "uploading [3] files, each of them many times over \x1b[2J")
    return view.finish_step(failed(first), 18)


def test_a_frame() -> None:
    assert drawn(under_way(plan_of(4)), now=20) == [
        "✓  build       1/1                            4.0s",
        "✗  production  1/4  ━━━━━━                    5.0s  1 failed",
        "  akvoflow-1  uploading [3] files, each of them many t  4.0s",
        "  akvoflow-2                                            4.0s",
        "  akvoflow-3                                            4.0s",
    ]


def test_a_frame_in_ascii() -> None:
    lines = drawn(under_way(plan_of(4)), now=20, encoding="ascii")
    assert "\n".join(lines).isascii()
    assert lines[1].startswith("x  production  1/4  ----")


def test_of_many_instances_some_are_shown_and_all_are_counted() -> None:
    lines = drawn(under_way(plan_of(1000)), now=20)
    assert len(lines) == 13
    assert lines[-1] == "  and 989 more"


@given(st.integers(2, 40), st.integers(20, 120), st.integers(10, 40))
def test_a_frame_fits_the_terminal(count: int, width: int, height: int) -> None:
    lines = drawn(under_way(plan_of(count)), 20, width, height)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) < height


def test_what_concerns_no_instance_is_told_in_its_stages_row() -> None:
    plan = plan_of(2)
    build = next(iter(initial_reports(plan)))
    view = View.of(plan).start_stage(plan.stages[0], 10).start_step(build, 10)
    assert len(drawn(view, 11)) == 2
    assert drawn(view.add_note(build, "npm ci"), 11)[2].split() == ["build", "npm", "ci", "1.0s"]
    checks = view.update_checks(1, 8, 20).update_checks(3, 8, 21)
    assert drawn(checks, 22)[2].startswith("  checks  3 of 8 instances read  ")
    assert checks.update_checks(8, 8, 23) == view


def test_a_note_that_comes_after_its_steps_end_says_no_more() -> None:
    plan = plan_of(2)
    view = under_way(plan)
    failed_step = list(initial_reports(plan))[1]
    assert view.add_note(failed_step, "late") == view


def test_what_stays_is_printed_above_the_live_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    plan = plan_of(2)
    console = Console(file=stream, force_terminal=True, color_system=None, width=100)
    with show_progress(plan, "google", console=console) as progress:
        play(plan, progress)
    text = stream.getvalue()
    assert text.startswith("Target: google\n")
    assert text.index("working as [somebody]") < text.index("compiling [all]")
    assert text.index("compiling [all]") < text.index("PERMISSION_DENIED: The caller [may] not")
    assert text.index("PERMISSION_DENIED") < text.index("production  2/2")


def test_failures_with_the_same_words_do_not_flood() -> None:
    plan = plan_of(1000)
    progress = LiveProgress(plan)
    for step in list(initial_reports(plan))[1:]:
        progress.step_started(step)
        progress.step_finished(failed(step))
    lines = [line.plain for line in progress.take_lines()]
    assert len(lines) == 3
    assert lines[2].endswith("(more of the same are only counted)")
    assert progress.take_lines() == []
