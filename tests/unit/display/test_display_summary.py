"""The summary of a run on a CI's page, as Markdown."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from flowdeploy.display.summary import escape, markdown
from flowdeploy.errors import ServiceError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Plan, PlanKind, Promote, Stage, StageKind, Verify
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Outcome, Report, State, StepReport

VERSION = "20200403-073034"


def visible(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


@given(st.text(st.characters(codec="utf-8")).filter(visible))
def test_any_words_are_shown_literally(text: str) -> None:
    """Also where they would be a table's cell boundary, a link, code or HTML."""
    table = f"| a | b |\n| --- | --- |\n| x{escape(text)}x | y |\n"
    page = MarkdownIt("commonmark").enable("table").render(table)
    cell, other = re.findall(r"<td>(.*?)</td>", page, re.DOTALL)
    assert unescape(cell) == f"x{text.strip()}x"
    assert other == "y"


def test_a_partial_promotion() -> None:
    instance = Instance("akvoflow-1", Role.PRODUCTION, "akvoflow-1")
    verify, promote = (
        Verify(instance, Split.all_to(VERSION)),
        Promote(instance, Split.all_to(VERSION)),
    )
    stages = (Stage(StageKind.VERIFY, (verify,)), Stage(StageKind.PRODUCTION, (promote,)))
    steps = (
        StepReport("verify", verify, Outcome.DONE),
        StepReport(
            "production",
            promote,
            Outcome.FAILED,
            State.UNKNOWN,
            seconds=1.25,
            error=ServiceError("GONE", "no | pipe\n<b>bold</b>", hint="Grant `a` role."),
        ),
    )
    plan = Plan(None, PlanKind.PROMOTE, VERSION, stages)
    report = Report(
        "20200403-080000-1f2e", "google", plan, datetime(2020, 4, 3, tzinfo=UTC), 12, steps
    )
    assert (
        markdown(report)
        == """\
## flowdeploy: partial

Partial after 12.0s: in an unknown state on akvoflow-1\\
Next: fix the cause; finished steps are skipped: flowdeploy resume 20200403-080000-1f2e\\
Target: google\\
Run: 20200403-080000-1f2e

| Stage | Instance | Result | Seconds | URL |
| --- | --- | --- | ---: | --- |
| production | akvoflow-1 | failed, state unknown | 1.2 |  |

- verify: ready: akvoflow-1

- **GONE on akvoflow-1**<br>no &#124; pipe<br>&#60;b&#62;bold&#60;/b&#62;\
<br>Hint: Grant &#96;a&#96; role.
"""
    )
