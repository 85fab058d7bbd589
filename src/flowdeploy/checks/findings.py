"""Reasons not to start, and one line for those that many instances share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

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

    Messages that differ by the names of their own instances only are one message.
    """
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        key = without_names(finding.message, (finding.instance, finding.project))
        groups.setdefault(key, []).append(finding)
    return tuple(
        SharedLine.of(dict.fromkeys(each.instance for each in group), _common(key, group))
        for key, group in groups.items()
    )


def without_names(text: str, names: Iterable[str]) -> str:
    """A text about an instance, with a placeholder for each of its own names."""
    known = sorted({name for name in names if name}, key=len, reverse=True)
    if not known:
        return text
    either = "|".join(map(re.escape, known))
    return re.sub(rf"(?:(?<![\w-])|(?<=-dot-))(?:{either})(?![\w-])", _OWN, text)


def _common(key: str, group: list[Finding]) -> str:
    messages = {finding.message for finding in group}
    return messages.pop() if len(messages) == 1 else key
