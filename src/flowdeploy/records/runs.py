"""Records of runs: who did what to which instance, and what was there before.

A run is a folder of objects that are written once and in order: first its plan,
then what is about to be changed and what has ended, at last its report. A run
that is gone on with adds a session of such objects to its folder. What a killed
run leaves is thus the truth up to its last intent, and a reader needs no more
than the newest report where there is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from flowdeploy.errors import Refused
from flowdeploy.planning.refs import Commit
from flowdeploy.records.store import ObjectStore
from flowdeploy.report import SUCCESS, Aspect, Change, Outcome, State, StepReport

SCHEMA = 1
FOLDER = "runs/"
_ENTRY = re.compile(
    r"(?P<session>[0-9]{3})-(?P<number>[0-9]{5})-(?P<kind>plan|changes|report)\.json"
)
_TRIED = SUCCESS | {Outcome.FAILED}
_STAYED = frozenset({State.DARK, State.DEPLOYED_NOT_PROMOTED})


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a run before it does anything.

    ``started`` is RFC 3339; ``plan`` is `plan_json`; ``places`` are the projects
    and services of its instances; ``orders`` is what the user has allowed.
    """

    run: str
    started: str
    user: str
    host: str
    command: str
    target: str
    plan: Mapping[str, Any]
    places: Mapping[str, tuple[str, str]]
    orders: Mapping[str, Any]
    commit: Commit | None = None
    modified: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a step has ended."""

    outcome: Outcome
    state: State | None
    left_unchanged: bool

    @classmethod
    def of(cls, report: StepReport) -> Ending:
        return cls(report.outcome, report.state, report.left_unchanged)


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """A change that was put on record ``at`` a time (RFC 3339, UTC) before it was to happen.

    ``place`` is that of its step among all steps of the plan, ``session`` that of the
    run. ``happened`` is None where nobody has seen whether it did.
    """

    session: int
    place: int
    instance: str
    at: str
    change: Change
    happened: bool | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run as its record tells it; ``report`` is None where its last session was cut off."""

    header: Header
    changes: tuple[RecordedChange, ...] = ()
    endings: Mapping[int, Ending] | None = None
    report: Mapping[str, Any] | None = None
    sessions: int = 1

    @property
    def name(self) -> str:
        return self.header.run

    @property
    def kind(self) -> str:
        return str(self.header.plan["kind"])

    @property
    def steps(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every step of the plan as JSON, with its stage's name, in the plan's order."""
        for stage in self.header.plan["stages"]:
            for step in stage["steps"]:
                yield stage["name"], step

    def changes_of(self, aspect: Aspect) -> Iterator[RecordedChange]:
        """The changes that happened, or may have."""
        return (
            each
            for each in self.changes
            if each.change.aspect is aspect and each.happened is not False
        )


@dataclass(frozen=True, slots=True)
class Runs:
    """The records in a store."""

    store: ObjectStore

    def names(self) -> tuple[str, ...]:
        """All runs, the newest first."""
        folders = self.store.children(FOLDER)
        names = (name.removeprefix(FOLDER).rstrip("/") for name in folders if name.endswith("/"))
        return tuple(sorted(names, reverse=True))

    def find(self, run: str) -> Run | None:
        """None where there is no record. Raises Refused for one that cannot be read."""
        entries = sorted(filter(None, map(_entry, self.store.children(f"{FOLDER}{run}/"))))
        if not entries:
            return None
        try:
            return self._read(run, entries)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(
                f"the record of run {run} cannot be read: {type(error).__name__}: {error}",
                hint="It may be of a later flowdeploy: use that. `flowdeploy rollback --run RUN`"
                " undoes a run by its own record alone.",
            ) from error

    def _read(self, run: str, entries: list[_RecordEntry]) -> Run:
        """From the newest report on; all from the beginning if there is none."""
        reports = [index for index, entry in enumerate(entries) if entry.kind == "report"]
        told = reports[-1] if reports else 0
        found: Run | None = None
        for entry in entries[told:]:
            stored = self.store.read(f"{FOLDER}{run}/{entry.name}")
            if stored is None:
                raise ValueError(f"{entry.name} is gone")
            found = _with(found, entry, json.loads(stored.content))
        assert found is not None  # noqa: S101  (there are entries)
        return found


@dataclass(frozen=True, slots=True, order=True)
class _RecordEntry:
    session: int
    number: int
    kind: str
    name: str


def _entry(path: str) -> _RecordEntry | None:
    name = path.rpartition("/")[2]
    found = _ENTRY.fullmatch(name)
    return found and _RecordEntry(int(found["session"]), int(found["number"]), found["kind"], name)


def entry_name(run: str, session: int, number: int, kind: str) -> str:
    return f"{FOLDER}{run}/{session:03}-{number:05}-{kind}.json"


def _with(run: Run | None, entry: _RecordEntry, document: Mapping[str, Any]) -> Run:
    """What is known of a run after one more entry of its record."""
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is {document['schema']}, not {SCHEMA}")
    if entry.kind == "report":
        return _whole(document, entry.session)
    if entry.kind == "plan":
        header = _header(document["header"])  # the newest plan holds
        begun = replace(run, header=header) if run else Run(header)
        return replace(begun, report=None, sessions=entry.session + 1)
    if run is None:
        raise ValueError("it does not begin with a plan")
    endings = {place: _ending(each) for place, each in _placed(document["ended"])}
    changes = tuple(_recorded(each) for each in document["intents"])
    return with_endings(replace(run, changes=run.changes + changes), endings)


def with_endings(run: Run, endings: Mapping[int, Ending]) -> Run:
    """What endings of the run's last session tell, also of the changes whose outcome was open.

    What it has not come to stands as an earlier session has left it.
    """
    changes = tuple(
        replace(each, happened=_seen(each, endings[each.place], run.sessions - 1))
        if each.happened is None and each.place in endings
        else each
        for each in run.changes
    )
    known = run.endings or {}
    new = {p: each for p, each in endings.items() if p not in known or each.outcome in _TRIED}
    return replace(run, changes=changes, endings={**known, **new})


def _seen(each: RecordedChange, ending: Ending, session: int) -> bool | None:
    """What the step's ending in ``session`` tells of a change.

    A step that now succeeds, or finds all done, shows that what an earlier session
    was cut off in has happened. One that fails shows nothing of that.
    """
    if ending.outcome in SUCCESS:
        return True
    return _happened(each.change, ending) if each.session == session else None


def _happened(change: Change, ending: Ending) -> bool | None:
    """Whether a change happened whose step has ended so badly; None where nobody knows."""
    match ending.outcome:
        case Outcome.FAILED if not ending.left_unchanged and ending.state is not None:
            moved_nothing = change.aspect is Aspect.TRAFFIC and ending.state in _STAYED
            return False if moved_nothing else None
        case _:
            return False


def run_json(run: Run) -> dict[str, Any]:
    """The whole record as one document: what the last entry of a session holds."""
    return {
        "schema": SCHEMA,
        "header": header_json(run.header),
        "changes": [recorded_json(each) for each in run.changes],
        "ended": endings_json((run.endings or {}).items()),
        "report": run.report,
    }


def header_json(header: Header) -> dict[str, Any]:
    commit = header.commit
    return {
        **asdict(header),
        "commit": {"sha": commit.sha, "time": commit.time.isoformat()} if commit else None,
    }


def recorded_json(each: RecordedChange) -> dict[str, Any]:
    return asdict(each)


def endings_json(endings: Iterable[tuple[int, Ending]]) -> list[dict[str, Any]]:
    return [{"place": place, **asdict(ending)} for place, ending in endings]


def _whole(document: Mapping[str, Any], session: int) -> Run:
    return Run(
        _header(document["header"]),
        tuple(_recorded(each) for each in document["changes"]),
        {place: _ending(each) for place, each in _placed(document["ended"])},
        document["report"],
        session + 1,
    )


def _header(document: Mapping[str, Any]) -> Header:
    commit = document["commit"]
    time = datetime.fromisoformat(commit["time"]) if commit else None
    return Header(
        **{
            **document,
            "commit": Commit(commit["sha"], time) if time else None,
            "places": {name: tuple(place) for name, place in document["places"].items()},
        }
    )


def _placed(endings: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return ((each["place"], each) for each in endings)


def _ending(document: Mapping[str, Any]) -> Ending:
    state = document["state"]
    return Ending(
        Outcome(document["outcome"]), State(state) if state else None, document["left_unchanged"]
    )


def _recorded(document: Mapping[str, Any]) -> RecordedChange:
    change = document["change"]
    return RecordedChange(
        document["session"],
        document["place"],
        document["instance"],
        document["at"],
        Change(Aspect(change["aspect"]), change["before"], change["after"]),
        document["happened"],
    )
