"""Compares what a command says with what is so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.fault_proxy import Asked, Fault, Reply

if TYPE_CHECKING:
    from tests.integration.answers.bench import Command

Facts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Ending:
    """How a command has ended, and what was so before and after it."""

    command: Command
    code: int
    out: str
    err: str
    before: Facts
    after: Facts


@dataclass(frozen=True)
class Healthy:
    """A command's exit code, what is so, and the answers, where all of them were right."""

    code: int
    after: Facts
    replies: Mapping[str, Sequence[tuple[Asked, Reply]]]

    def differs(self, endpoint: str, fault: Fault) -> bool:
        """Whether a fault changes any answer of an endpoint."""
        given = self.replies[endpoint]
        return any(fault(asked, partial(_same, reply)) != reply for asked, reply in given)


def _same(reply: Reply) -> Reply:
    return reply


def untruths(ending: Ending, healthy: Healthy) -> Iterator[str]:
    """What is not as it must be after any answers."""
    if "Traceback" in ending.err:
        yield "a traceback"
    try:
        document = json.loads(ending.out)
    except ValueError:
        yield "standard output is no JSON document"
    else:
        yield from (_untrue_report if ending.command.reports else _untrue_list)(
            ending, healthy, document
        )


def _untrue_list(ending: Ending, _: Healthy, __: Any) -> Iterator[str]:
    """Of a command that only reads.

    4: a record is refused. 0: without any `split` there is nothing that could have drifted.
    """
    if ending.code not in (0, 1, 4):
        yield f"exit code {ending.code}"
    if ending.after != ending.before:
        yield "something was changed"


def _untrue_report(ending: Ending, healthy: Healthy, document: Any) -> Iterator[str]:
    yield from _untrue_code(ending, healthy, document)
    for step in document["steps"]:
        if step["instance"]:
            yield from _untrue_step(step, ending.before, ending.after)
    if ending.code and not (document["error"] or any(s["error"] for s in document["steps"])):
        yield "no error is shown"


def _untrue_code(ending: Ending, healthy: Healthy, document: Any) -> Iterator[str]:
    changed = [name for name in ending.after if ending.after[name] != ending.before[name]]
    unknown = [s for s in document["steps"] if s["state"] == "unknown"]
    if document["exit_code"] != ending.code:
        yield "the document has another exit code"
    match ending.code:
        case 0 if ending.after != healthy.after:
            differing = [n for n in ending.after if ending.after[n] != healthy.after[n]]
            yield f"exit code 0, and not all is as asked for on {differing}"
        case 1 | 4 if changed:
            yield f"exit code {ending.code}, and {changed} were changed"
        case 3 if not changed and not unknown:
            yield "exit code 3, and nothing was changed"
        case 0 | 1 | 3 | 4:
            pass
        case _:
            yield f"exit code {ending.code}"


def _untrue_step(step: Any, before: Facts, after: Facts) -> Iterator[str]:
    instance, facts = step["instance"], after[step["instance"]]
    label = f"{step['action']} of {instance}: {step['outcome']}, {step['state']}"
    version = step.get("version")
    live = facts["live"].get("default", {})
    here = version in facts["versions"] if version else None
    match step["state"]:
        case "live" if version and live.get(version) != 1:
            yield f"{label}, and {live} is live"
        case "dark" | "deployed-not-promoted" if version and (not here or version in live):
            yield f"{label}, and versions are {facts['versions']}, live {live}"
        case None if step["action"] == "deploy" and version and step["outcome"] == "failed":
            if here and version not in before[instance]["versions"]:
                yield f"{label}, and the version is there"
    if step["outcome"] == "done" and step["action"] == "deploy" and here is False:
        yield f"{label}, and the version is not there"
