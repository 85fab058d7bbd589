"""Reasons not to start, and one line for those that many instances share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from flowdeploy.errors import Refused

FEW = 5  # instances that are named rather than counted
_OWN = "<id>"  # in place of an instance's own name, where messages are compared


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason not to start; ``project`` is the instance's, where its message may name it."""

    instance: str
    message: str
    project: str = ""


class SharedLine(str):
    """A line on several instances, all of which it names; ``brief`` only counts many."""

    brief: str
    message: str
    names: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str], message: str) -> SharedLine:
        listed = tuple(names)
        line = cls(f"{', '.join(listed)}: {message}")
        line.names, line.message = listed, message
        line.brief = f"{len(listed)} instances: {message}" if len(listed) > FEW else str(line)
        return line


def line_for_people(line: str, *, verbose: bool) -> str:
    """A line as people see it: many instances are named if ``verbose``, and counted else."""
    return line.brief if isinstance(line, SharedLine) and not verbose else line


def group_findings(findings: Iterable[Finding]) -> tuple[SharedLine, ...]:
    """A line for each distinct message, with its instances.

    For many instances, messages that differ by the names of their own instances only are one
    message; for few, each keeps its names: commands in it can then be copied.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        key = without_names(finding.message, (finding.instance, finding.project))
        groups.setdefault(key, []).append(finding)
    return tuple(line for key, group in groups.items() for line in _lines(key, group))


def _lines(key: str, group: list[Finding]) -> Iterator[SharedLine]:
    instances: dict[str, dict[str, None]] = {}
    for finding in group:
        instances.setdefault(finding.message, {})[finding.instance] = None
    if len(instances) > 1 and len({finding.instance for finding in group}) > FEW:
        yield SharedLine.of(dict.fromkeys(finding.instance for finding in group), key)
        return
    for message, names in instances.items():
        yield SharedLine.of(names, message)


def without_names(text: str, names: Iterable[str]) -> str:
    """A text about an instance, with a placeholder for each of its own names."""
    known = sorted({name for name in names if name}, key=len, reverse=True)
    if not known:
        return text
    either = "|".join(map(re.escape, known))
    return re.sub(rf"(?:(?<![\w-])|(?<=-dot-))(?:{either})(?![\w-])", _OWN, text)


def run_all_checks(checks: Iterable[Callable[[], object]]) -> None:
    """Make every check, then raise one Refused with all findings."""
    refusals: list[Refused] = []
    for check in checks:
        try:
            check()
        except Refused as refusal:
            refusals.append(refusal)
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        raise Refused(
            "the checks refuse this run, and no instance was changed",
            details=[line for refusal in refusals for line in (refusal.message, *refusal.details)],
            hint=next((refusal.hint for refusal in refusals if refusal.hint), None),
        )
