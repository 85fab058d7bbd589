"""Records of runs: who did what to which instance, and what was there before.

A run is a folder of objects that are written once, in order: first the plan, then what is
about to be changed and what has ended, last the report. A run that is resumed adds a session
of such objects. So a killed run leaves the truth up to its last intent. The newest report
holds everything before it.

What came first follows from the times at which the store has written its objects: the clocks
of machines differ, and names say nothing. The object ``index/RUN`` is written again when a
run begins, is resumed, and has its locks, so the index has the runs in the order in which
they could change something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from flowdeploy.errors import Refused
from flowdeploy.planning.refs import Commit
from flowdeploy.records.forms import check_entry
from flowdeploy.records.store import Listed, ObjectStore
from flowdeploy.report import SUCCESS, Aspect, Change, Outcome, State, StepReport

SCHEMA = 1
FOLDER = "runs/"
INDEX = "index/"
_ENTRY = re.compile(
    r"(?P<session>[0-9]{3})-(?P<number>[0-9]{5})-(?P<kind>plan|changes|report)\.json"
)
_TRIED = SUCCESS | {Outcome.FAILED}
_STAYED = frozenset({State.DARK, State.DEPLOYED_NOT_PROMOTED})


@dataclass(frozen=True, slots=True)
class Header:
    """What is known of a run before it does anything.

    ``started`` is RFC 3339; ``plan`` is `plan_json`; ``places`` are the projects and services
    of its instances; ``orders`` are the permissions that the user has given. ``commit`` is
    the application's, ``configuration`` that of the configuration.
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
    configuration: Commit | None = None


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
    """A change that was recorded before it was to happen.

    ``at`` is when it was recorded, by the store's clock (RFC 3339, UTC). ``place`` is the
    index of its step among all steps of the plan, ``session`` and ``number`` those of its
    entry in the record. ``happened`` is None where it is not known.
    """

    session: int
    place: int
    instance: str
    at: str
    change: Change
    happened: bool | None = None
    number: int = -1


@dataclass(frozen=True, slots=True)
class Run:
    """A run by its record; ``report`` is None where its last session was interrupted.

    ``begun`` is when its last session began, by the store's clock (RFC 3339, UTC).
    """

    header: Header
    changes: tuple[RecordedChange, ...] = ()
    endings: Mapping[int, Ending] | None = None
    report: Mapping[str, Any] | None = None
    sessions: int = 1
    begun: str = ""

    @property
    def name(self) -> str:
        return self.header.run

    @property
    def kind(self) -> str:
        return str(self.header.plan["kind"])

    @property
    def steps(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every step of the plan as JSON with its stage's name, in order."""
        for stage in self.header.plan["stages"]:
            for step in stage["steps"]:
                yield stage["name"], step

    def changes_of(self, aspect: Aspect) -> Iterator[RecordedChange]:
        """The changes that happened, or may have happened."""
        return (
            each
            for each in self.changes
            if each.change.aspect is aspect and each.happened is not False
        )


@dataclass(frozen=True, slots=True)
class Runs:
    """The records of runs in a store."""

    store: ObjectStore

    def times(self) -> Mapping[str, datetime]:
        """All runs, with the time by the store's clock at which each last began to act."""
        named = {run: _time_in_name(run) for run in self.store.folders(FOLDER)}
        listed = self.store.objects(INDEX)
        return named | {each.name.removeprefix(INDEX): each.written for each in listed}

    def find(self, run: str) -> Run | None:
        """None where there is no record. Raises Refused for one that cannot be read."""
        entries = sorted(filter(None, map(_parse_entry, self.store.objects(f"{FOLDER}{run}/"))))
        if not entries:
            return None
        try:
            return self._read(run, entries)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Refused(
                f"the record of run {run} cannot be read: {type(error).__name__}: {error}",
                hint="A later flowdeploy may have written it: use that. `flowdeploy rollback --run"
                " RUN` needs the record of that run only.",
            ) from error

    def _read(self, run: str, entries: list[_RecordEntry]) -> Run:
        """Read from the newest report on, or from the beginning if there is none."""
        reports = [index for index, entry in enumerate(entries) if entry.kind == "report"]
        told = reports[-1] if reports else 0
        found: Run | None = None
        for entry in entries[told:]:
            stored = self.store.read(f"{FOLDER}{run}/{entry.name}")
            if stored is None:
                raise ValueError(f"{entry.name} is gone")
            found = _add_entry(found, entry, json.loads(stored.content))
        assert found is not None  # noqa: S101  (there are entries)
        return _with_times(found, entries)


def _time_in_name(run: str) -> datetime:
    """When a run without an entry in the index began: the first edition wrote none."""
    try:
        return datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class _RecordEntry:
    session: int
    number: int
    kind: str
    name: str
    written: str


def _parse_entry(listed: Listed) -> _RecordEntry | None:
    name = listed.name.rpartition("/")[2]
    found = _ENTRY.fullmatch(name)
    return found and _RecordEntry(
        int(found["session"]),
        int(found["number"]),
        found["kind"],
        name,
        listed.written.astimezone(UTC).isoformat(timespec="microseconds"),
    )


def _with_times(run: Run, entries: Iterable[_RecordEntry]) -> Run:
    """The run with the times of its entries in the store."""
    written = {(entry.session, entry.number): entry.written for entry in entries}
    changes = tuple(
        replace(each, at=written.get((each.session, each.number), each.at)) for each in run.changes
    )
    first = min(place for place in written if place[0] == max(written)[0])
    return replace(run, changes=changes, begun=written[first])


def entry_name(run: str, session: int, number: int, kind: str) -> str:
    return f"{FOLDER}{run}/{session:03}-{number:05}-{kind}.json"


def _add_entry(run: Run | None, entry: _RecordEntry, document: Mapping[str, Any]) -> Run:
    """The run after one more entry of its record."""
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is {document['schema']}, not {SCHEMA}")
    check_entry(entry.kind, document)
    if entry.kind == "report":
        return _parse_run(document, entry.session)
    if entry.kind == "plan":
        header = _parse_header(document["header"])  # the newest plan is valid
        begun = replace(run, header=header) if run else Run(header)
        return replace(begun, report=None, sessions=entry.session + 1)
    if run is None:
        raise ValueError("it does not begin with a plan")
    changes = tuple(_parse_change(each) for each in document["intents"])
    endings = _parse_endings(document["ended"])
    return add_endings(replace(run, changes=run.changes + changes), endings)


def add_endings(run: Run, endings: Mapping[int, Ending]) -> Run:
    """The run with endings of its last session, and what they tell of its open changes.

    Unreached steps keep the earlier session's outcome.
    """
    session = run.sessions - 1
    changes = tuple(
        replace(each, happened=_judge_change(each, endings[each.place], session, later))
        if each.happened is None and each.place in endings
        else each
        for each, later in _with_later_changes(run.changes)
    )
    known = run.endings or {}
    new = {p: each for p, each in endings.items() if p not in known or each.outcome in _TRIED}
    return replace(run, changes=changes, endings={**known, **new})


def _with_later_changes(changes: Sequence[RecordedChange]) -> list[tuple[RecordedChange, bool]]:
    """Each change, and whether its step has intended another one of the same aspect after it.

    From the last to the first, so that the work grows with the number of changes only: this is
    asked at every write of a run's record.
    """
    found: list[tuple[RecordedChange, bool]] = []
    later: dict[tuple[int, int, Aspect], list[Change]] = {}
    for each in reversed(changes):
        distinct = later.setdefault((each.session, each.place, each.change.aspect), [])
        found.append((each, any(change != each.change for change in distinct)))
        if each.change not in distinct:
            distinct.append(each.change)
    return found[::-1]


def _judge_change(
    each: RecordedChange, ending: Ending, session: int, is_followed: bool
) -> bool | None:
    """Whether a change happened, by its step's ending in ``session``; None: not known.

    A step that succeeds shows that a change which an earlier session left open has happened.
    A step that fails shows nothing about it. A step intends another change of the same aspect
    (``is_followed``) only after it has read that this one is in effect.
    """
    if ending.outcome in SUCCESS or is_followed:
        return True
    if each.session != session:
        return None
    failed = ending.outcome is Outcome.FAILED
    if not failed or ending.left_unchanged or ending.state is None:
        return False
    moved_nothing = each.change.aspect is Aspect.TRAFFIC and ending.state in _STAYED
    return False if moved_nothing else None


def run_json(run: Run) -> dict[str, Any]:
    """The whole record as one document, as the last entry of a session has it."""
    return {
        "schema": SCHEMA,
        "header": header_json(run.header),
        "changes": [asdict(each) for each in run.changes],
        "ended": endings_json(run.endings or {}),
        "report": run.report,
    }


def header_json(header: Header) -> dict[str, Any]:
    return {
        **asdict(header),
        "commit": _commit_json(header.commit),
        "configuration": _commit_json(header.configuration),
    }


def _commit_json(commit: Commit | None) -> dict[str, str] | None:
    return {"sha": commit.sha, "time": commit.time.isoformat()} if commit else None


def endings_json(endings: Mapping[int, Ending]) -> list[dict[str, Any]]:
    return [{"place": place, **asdict(ending)} for place, ending in endings.items()]


def _parse_run(document: Mapping[str, Any], session: int) -> Run:
    return Run(
        _parse_header(document["header"]),
        tuple(_parse_change(each) for each in document["changes"]),
        _parse_endings(document["ended"]),
        document["report"],
        session + 1,
    )


def _parse_header(document: Mapping[str, Any]) -> Header:
    return Header(
        **{
            **document,
            "commit": _parse_commit(document["commit"]),
            "configuration": _parse_commit(document.get("configuration")),
            "places": {name: tuple(place) for name, place in document["places"].items()},
        }
    )


def _parse_commit(document: Mapping[str, str] | None) -> Commit | None:
    if document is None:
        return None
    return Commit(document["sha"], datetime.fromisoformat(document["time"]))


def _parse_endings(documents: Iterable[Mapping[str, Any]]) -> Mapping[int, Ending]:
    return {each["place"]: _parse_ending(each) for each in documents}


def _parse_ending(document: Mapping[str, Any]) -> Ending:
    state = document["state"]
    return Ending(
        Outcome(document["outcome"]), State(state) if state else None, document["left_unchanged"]
    )


def _parse_change(document: Mapping[str, Any]) -> RecordedChange:
    change = document["change"]
    return RecordedChange(
        document["session"],
        document["place"],
        document["instance"],
        document["at"],
        Change(Aspect(change["aspect"]), change["before"], change["after"]),
        document["happened"],
        document.get("number", -1),
    )
