"""The record of a run: what is written is read back, wherever the run was cut off."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.errors import Refused, ServiceError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Plan, PlanKind, Promote, Stage, StageKind
from flowdeploy.planning.plan_json import plan_json
from flowdeploy.planning.refs import Commit
from flowdeploy.planning.traffic import Split
from flowdeploy.records.recorder import Recorder
from flowdeploy.records.runs import INDEX, Ending, Header, RecordedChange, Run, Runs, add_endings
from flowdeploy.records.store import Listed, Stored
from flowdeploy.report import Aspect, Change, Outcome, State, StepReport

NAME = "20200403-081502-034a1b2"
A, B = Split.all_to("A"), Split.all_to("B")
FLEET = [Instance(f"i{number}", Role.PRODUCTION, f"p{number}") for number in range(3)]
STEPS = tuple(Promote(instance, B) for instance in FLEET)
PLAN = Plan(None, PlanKind.PROMOTE, "B", (Stage(StageKind.PRODUCTION, STEPS),))
HEADER = Header(
    run=NAME,
    started="2020-04-03T08:15:02.034+00:00",
    user="ada",
    host="laptop",
    command="flowdeploy promote B all",
    target="google",
    plan=plan_json(PLAN, "google"),
    places={each.id: (each.project, each.service) for each in FLEET},
    orders={"force": True},
    commit=Commit("1a2b3c4d" * 5, datetime(2020, 4, 3, 7, 30, 34, tzinfo=UTC)),
    modified=True,
)
CHANGE = Change(Aspect.TRAFFIC, A.as_json(), B.as_json())
BY = {"user": "ada"}


@dataclass(slots=True)
class Memory:
    """An `ObjectStore` whose objects are written once; ``written`` are their names in order."""

    objects_by_name: dict[str, bytes] = field(default_factory=dict)
    failing: bool = False

    def read(self, name: str) -> Stored | None:
        content = self.objects_by_name.get(name)
        return None if content is None else Stored(content, 1, 0.0)

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        if self.failing:
            raise ServiceError("UNAVAILABLE", "not now")
        if name.startswith(INDEX):
            return 1
        assert generation == 0
        if name in self.objects_by_name:
            return None
        self.objects_by_name[name] = content
        return 1

    def delete(self, name: str, generation: int) -> None:
        raise AssertionError("nothing of a record is ever deleted")

    def objects(self, prefix: str) -> tuple[Listed, ...]:
        """Written a second apart."""
        names = enumerate(self.objects_by_name)
        return tuple(
            Listed(self.now() + timedelta(seconds=number), 1, name)
            for number, name in names
            if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
        )

    def folders(self, prefix: str) -> tuple[str, ...]:
        inside = (
            name.removeprefix(prefix) for name in self.objects_by_name if name.startswith(prefix)
        )
        return tuple(sorted({name.partition("/")[0] for name in inside if "/" in name}))

    def now(self) -> datetime:
        return datetime(2020, 4, 3, tzinfo=UTC)

    def first(self, count: int) -> Memory:
        """As it was after so many writes."""
        return Memory(dict(list(self.objects_by_name.items())[:count]))


def ready(*stores: Memory) -> Recorder:
    recorder = Recorder.for_run(stores, HEADER)
    recorder.begin(BY)
    return recorder


def found(store: Memory) -> Run:
    run = Runs(store).find(NAME)
    assert run
    return run


def without_times(run: Run) -> Run:
    changes = tuple(replace(each, at="") for each in run.changes)
    return replace(run, changes=changes, endings=run.endings or {}, begun="")


def report(place: int, outcome: Outcome, state: State | None) -> StepReport:
    return StepReport("production", STEPS[place], outcome, state)


places = st.lists(st.integers(0, 2), unique=True, max_size=3)
endings = st.sampled_from(
    [
        (Outcome.DONE, State.LIVE),
        (Outcome.UNCHANGED, State.LIVE),
        (Outcome.FAILED, State.DARK),
        (Outcome.FAILED, State.UNKNOWN),
        (Outcome.FAILED, None),
    ]
)
batches = st.lists(st.tuples(places, st.dictionaries(st.integers(0, 2), endings)), max_size=4)


@given(batches, batches, st.booleans())
def test_what_is_on_record_is_read_back_after_every_write(
    before: Any, after: Any, ends: bool
) -> None:
    """In a first session, and in one that goes on with it."""
    store, told = Memory(), list[Run]()

    def write(recorder: Recorder, several: Any) -> Run:
        told.append(recorder.run)
        for intents, ended in several:
            steps = [(place, report(place, *ending)) for place, ending in ended.items()]
            recorder.record([(place, CHANGE) for place in intents], steps)
            told.append(recorder.run)
        return recorder.run

    first = write(ready(store), before)
    if ends:
        recorder = Recorder([store], first)
        recorder._number = len(told)
        recorder.end({"outcome": "partial"}, first.endings or {})
        told.append(recorder.run)
    again = Recorder.for_run([store], HEADER, found(store))
    again.begin(BY)
    write(again, after)
    for count, run in enumerate(told, 1):
        read = found(store.first(count))
        assert without_times(read) == without_times(run)


def test_a_run_that_has_ended_is_told_by_its_last_entry_alone() -> None:
    store = Memory()
    recorder = ready(store)
    recorder.record([(0, CHANGE)], [])
    recorder.end({"outcome": "succeeded"}, {0: Ending(Outcome.DONE, State.LIVE, False)})
    last = dict(list(store.objects_by_name.items())[-1:])
    told = (found(Memory(last)), found(store), recorder.run)
    assert len({str(without_times(run)) for run in told}) == 1
    assert found(store).report == {"outcome": "succeeded"}
    assert found(store).header == HEADER


def test_who_goes_on_begins_a_session_of_its_own() -> None:
    store = Memory()
    ready(store).record([(0, CHANGE)], [])
    again = Recorder.for_run([store], HEADER, found(store))
    again.begin(BY)
    again.record([(1, CHANGE)], [])
    assert [(each.session, each.instance) for each in found(store).changes] == [
        (0, "i0"),
        (1, "i1"),
    ]
    assert found(store).sessions == 2
    assert found(store).report is None


def test_two_that_go_on_at_once_do_not_share_a_session() -> None:
    store = Memory()
    ready(store)
    one, other = (Recorder.for_run([store], HEADER, found(store)) for _ in range(2))
    one.begin({"user": "ada"})
    with pytest.raises(Refused, match=f"run {NAME} is being resumed elsewhere"):
        other.begin({"user": "bob"})


def test_what_cannot_be_kept_for_others_is_not_done() -> None:
    here, shared = Memory(), Memory()
    recorder = ready(here, shared)
    shared.failing = True
    with pytest.raises(ServiceError):
        recorder.record([(0, CHANGE)], [])
    shared.failing = False
    recorder.record([(1, CHANGE)], [])
    assert [each.instance for each in found(shared).changes] == ["i1"]


@pytest.mark.parametrize(
    ("session", "outcome", "state", "unchanged", "happened"),
    [
        (0, Outcome.DONE, State.LIVE, False, True),
        (0, Outcome.UNCHANGED, State.LIVE, True, True),
        (0, Outcome.FAILED, State.DARK, False, False),
        (0, Outcome.FAILED, State.DEPLOYED_NOT_PROMOTED, False, False),
        (0, Outcome.FAILED, State.UNKNOWN, False, None),
        (0, Outcome.FAILED, State.LIVE, False, None),
        (0, Outcome.FAILED, State.LIVE, True, False),
        (0, Outcome.FAILED, None, False, False),
        (1, Outcome.DONE, State.LIVE, False, True),
        (1, Outcome.UNCHANGED, State.LIVE, True, True),
        (1, Outcome.FAILED, State.DARK, False, None),
        (1, Outcome.NOT_STARTED, None, False, None),
    ],
)
def test_what_an_ending_tells_of_a_change(
    session: int, outcome: Outcome, state: State | None, unchanged: bool, happened: bool | None
) -> None:
    """``session`` is the one of the ending; the change was recorded in the first."""
    run = Run(HEADER, (RecordedChange(0, 0, "i0", HEADER.started, CHANGE),), sessions=session + 1)
    told = add_endings(run, {0: Ending(outcome, state, unchanged)})
    assert [each.happened for each in told.changes] == [happened]


@pytest.mark.parametrize("outcome", [Outcome.NOT_STARTED, Outcome.SKIPPED])
def test_what_a_session_has_not_come_to_stands_as_it_was(outcome: Outcome) -> None:
    known, new = Ending(Outcome.UNCHANGED, State.LIVE, True), Ending(outcome, None, False)
    run = add_endings(Run(HEADER), {0: known})
    assert add_endings(run, {0: new, 1: new}).endings == {0: known, 1: new}


def test_changes_and_sessions_have_the_times_of_the_store() -> None:
    store = Memory()
    recorder = ready(store)
    recorder.record([(0, CHANGE)], [])
    recorder.end({"outcome": "interrupted"}, {})
    again = Recorder.for_run([store], HEADER, found(store))
    again.begin(BY)
    again.record([(1, CHANGE)], [])
    run = found(store)
    seconds = [datetime.fromisoformat(each.at).second for each in run.changes]
    assert (seconds, datetime.fromisoformat(run.begun).second) == ([1, 4], 3)


def test_a_run_without_a_record_is_none() -> None:
    assert Runs(Memory()).find("20200101-000000-0000000") is None


def test_what_else_lies_in_a_runs_folder_is_none_of_its_record() -> None:
    store = Memory({f"runs/{NAME}/{name}": b"?" for name in ("report.json", "build.log")})
    assert Runs(store).find(NAME) is None
    ready(store)
    assert found(store).header == HEADER


def refused(store: Memory) -> bool:
    try:
        Runs(store).find(NAME)
    except Refused as error:
        return NAME in error.message and bool(error.hint)
    return False


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"[]", b"null", b"{}", b'{"schema": 1}', b"[" * 200_000]
)
def test_an_entry_that_is_none_is_refused(content: bytes) -> None:
    store = Memory()
    ready(store)
    assert refused(Memory(dict.fromkeys(store.objects_by_name, content)))


def test_a_record_of_a_later_flowdeploy_is_refused() -> None:
    store = Memory()
    ready(store).record([(0, CHANGE)], [])
    for name, content in store.objects_by_name.items():
        later = json.dumps({**json.loads(content), "schema": 2}).encode()
        assert refused(Memory({**store.objects_by_name, name: later}))


def test_a_record_without_its_beginning_is_refused() -> None:
    store = Memory()
    ready(store).record([(0, CHANGE)], [])
    (_, changes) = store.objects_by_name.items()
    assert refused(Memory(dict([changes])))


ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.just([]) | st.just({})
)


@given(st.data())
def test_a_record_with_anything_odd_in_it_is_refused_at_most(data: st.DataObject) -> None:
    store = Memory()
    recorder = ready(store)
    recorder.record([(0, CHANGE)], [(1, report(1, Outcome.DONE, State.LIVE))])
    if data.draw(st.booleans(), label="ended"):
        recorder.end({}, {})
    name = data.draw(st.sampled_from(sorted(store.objects_by_name)))
    document = json.loads(store.objects_by_name[name])
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else [0]))
        if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(ODD)
    refused(Memory({**store.objects_by_name, name: json.dumps(document).encode()}))


def test_a_split_that_was_followed_by_another_one_was_in_effect() -> None:
    """A gradual promotion reads that one split is in effect before it sets the next one."""
    tenth = replace(CHANGE, after={"allocations": {"A": 0.9, "B": 0.1}, "shard_by": "IP"})
    half = replace(CHANGE, before=tenth.after)
    run = Run(
        HEADER,
        tuple(RecordedChange(0, 0, "i0", "", change) for change in (tenth, tenth, half, half)),
    )
    ended = add_endings(run, {0: Ending(Outcome.FAILED, State.UNKNOWN, False)})
    assert [each.happened for each in ended.changes] == [True, True, None, None]


@pytest.mark.parametrize(
    ("aspect", "before", "after"),
    [
        (Aspect.VERSION, None, "v2"),
        (Aspect.ADDITIONS, None, ["create the queue mail"]),
        (Aspect.QUEUES, {"queues": []}, None),
        (Aspect.SCHEDULES, {"jobs": [], "dispatch": []}, {"jobs": [{"name": "a"}]}),
    ],
)
def test_changes_of_every_aspect_are_read_back(aspect: Aspect, before: Any, after: Any) -> None:
    store = Memory()
    recorder = ready(store)
    recorder.record([(0, Change(aspect, before, after))], [])
    recorder.end({"outcome": "succeeded"}, {})
    (change,) = found(store).changes
    assert change.change == Change(aspect, before, after)
