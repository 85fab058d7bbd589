"""A report as Markdown, for the summary of a CI job."""

import re
from collections.abc import Iterable, Iterator

from flowdeploy.display.outcome import end_sentence, failures, has_row, next_step, remarks
from flowdeploy.display.text import clean, clean_lines
from flowdeploy.display.words import instance_name, result, target_line
from flowdeploy.errors import FlowdeployError
from flowdeploy.report import Report, StepReport

# Characters that start markup in GitHub's Markdown. As character references they never do
# (CommonMark 0.31, section 2.5).
_MARKUP = re.compile(r"[&<>|`*_~\\\[\]#!@$]")


def markdown(report: Report) -> str:
    """The report as a section that ends in a line break."""
    blocks = [
        f"## flowdeploy: {escape(str(report.outcome))}",
        _paragraph(report),
        _table(step for step in report.steps if has_row(step)),
        "\n".join(f"- {escape(remark)}" for remark in remarks(report)),
        "\n".join(_errors(report)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def escape(text: str) -> str:
    """``text`` on one line, as Markdown that shows it literally."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", clean(text)).strip()


def _paragraph(report: Report) -> str:
    """How the run ended; a backslash at the end of a line is a line break."""
    lines = [
        end_sentence(report),
        next_step(report),
        target_line(report.target),
        f"Run: {report.run}",
    ]
    return "\\\n".join(escape(line) for line in lines if line)


def _table(steps: Iterable[StepReport]) -> str:
    rows = [f"| {' | '.join(map(escape, _cells(step)))} |" for step in steps]
    header = ["| Stage | Instance | Result | Seconds | URL |", "| --- | --- | --- | ---: | --- |"]
    return "\n".join([*header, *rows]) if rows else ""


def _cells(step: StepReport) -> list[str]:
    seconds = f"{step.seconds:.1f}"
    return [step.stage, instance_name(step.step), result(step), seconds, step.url or ""]


def _errors(report: Report) -> Iterator[str]:
    if report.error:
        yield _error("Error", report.error)
    for names, error in failures(report):
        yield _error(f"{error.code} on {', '.join(names)}", error)


def _error(heading: str, error: FlowdeployError) -> str:
    lines = clean_lines("\n".join([error.message, *error.details]))
    hint = [f"Hint: {error.hint}"] if error.hint else []
    return f"- **{escape(heading)}**" + "".join(f"<br>{escape(line)}" for line in lines + hint)
