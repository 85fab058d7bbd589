"""Whatever a run comes to: every instance is shown, and nothing that a terminal would act on."""

from __future__ import annotations

import io
import re
import unicodedata
from datetime import UTC, datetime
from html import unescape

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from flowdeploy.display.progress import show_progress
from flowdeploy.display.report import render
from flowdeploy.display.summary import markdown
from flowdeploy.errors import ServiceError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import (
    Build,
    Deploy,
    Plan,
    PlanKind,
    Promote,
    Publish,
    Stage,
    StageKind,
    Traffic,
    Verify,
)
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Outcome, Report, State, StepReport, initial_reports


def plan_of(ids: list[str], traffic: Traffic) -> Plan:
    """A plan with every kind of step."""
    fleet = [Instance(name, Role.PRODUCTION, name) for name in ids]
    stages = (
        Stage(StageKind.BUILD, (Build(),)),
        Stage(StageKind.PUBLISH, (Publish(None, None),)),
        Stage(StageKind.UAT, tuple(Deploy(i, "v1", traffic) for i in fleet)),
        Stage(StageKind.VERIFY, tuple(Verify(i, Split.all_to("v1")) for i in fleet)),
        Stage(StageKind.PRODUCTION, tuple(Promote(i, Split.all_to("v1")) for i in fleet)),
    )
    return Plan("refs/tags/v1", PlanKind.RELEASE, "v1", stages)


words = st.text(max_size=30)
errors = st.builds(
    ServiceError, words, words, details=st.lists(words, max_size=2), hint=st.none() | words
)
step_endings = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(Outcome),
        "state": st.none() | st.sampled_from(State),
        "attempts": st.integers(0, 3),
        "seconds": st.floats(0, 1e5),
        "url": st.none() | st.just("https://v1-dot-default-dot-x.ew.r.appspot.com"),
        "error": st.none() | errors,
        "notes": st.lists(words, max_size=2).map(tuple),
    }
)
names = st.lists(st.from_regex(r"[a-z]{3}-[0-9]{3}", fullmatch=True), max_size=4, unique=True)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    plan = plan_of(draw(names), draw(st.sampled_from(Traffic)))
    return Report(
        run="20200403-080000-1f2e",
        target="google",
        plan=plan,
        started=datetime(2020, 4, 3, tzinfo=UTC),
        seconds=12.0,
        steps=tuple(
            StepReport(s.stage, s.step, **draw(step_endings)) for s in initial_reports(plan)
        ),
        error=draw(st.none() | errors),
        interrupted=draw(st.booleans()),
    )


def instance_ids(report: Report) -> set[str]:
    steps = (s.step for s in report.steps)
    return {s.instance.id for s in steps if isinstance(s, Deploy | Promote | Verify)}


def controls(text: str) -> set[str]:
    return {c for c in text if unicodedata.category(c) == "Cc"} - {"\n"}


@given(reports(), st.none() | st.integers(40, 200))
@settings(max_examples=50)
def test_a_report_names_every_instance(report: Report, width: int | None) -> None:
    stream = io.StringIO()
    terminal = width is not None
    render(report, Console(file=stream, width=width, force_terminal=terminal, color_system=None))
    text = stream.getvalue()
    assert instance_ids(report) <= set(re.split(r"[\s,:;]+", text))
    assert not controls(text)
    assert text.splitlines()[-1] == "Target: google"


@given(reports())
@settings(max_examples=50)
def test_a_summary_names_every_instance(report: Report) -> None:
    page = unescape(MarkdownIt("commonmark").enable("table").render(markdown(report)))
    assert instance_ids(report) <= set(re.split(r"[\s,:;<>]+", page))


@given(reports(), st.booleans(), st.text())
@settings(max_examples=50)
def test_plain_progress_is_one_line_an_event(report: Report, verbose: bool, note: str) -> None:
    stream = io.StringIO()
    assert report.plan
    console = Console(file=stream, width=80)
    with show_progress(report.plan, "google", console=console, verbose=verbose) as progress:
        for step in report.steps:
            progress.step_started(step)
            progress.step_noted(step, note)
            progress.step_finished(step)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1 + len(report.steps) * (3 if verbose else 1)
    assert not controls(stream.getvalue())
