"""What a rollback gives back, by the records of the runs before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Skipped
from flowdeploy.planning.traffic import Split
from flowdeploy.records.runs import Ending, Header, RecordedChange, Run
from flowdeploy.records.undo import (
    UndoPlan,
    close_search,
    find_later_changes,
    find_undo,
    find_undo_of_run,
)
from flowdeploy.report import Aspect, Change, Outcome, State

IDS = I0, I1, I2, I3 = ("i0", "i1", "i2", "i3")
FLEET = {name: Instance(name, Role.PRODUCTION, f"p-{name}") for name in IDS}
A, B, C, D = map(Split.all_to, "ABCD")
HALF = Split({"A": 0.5, "B": 0.5}, "IP")

Moves = Mapping[str, Sequence[tuple[Split | None, Split]]]


def second(number: int) -> str:
    return f"2020-04-03T07:00:{number:02}.000+00:00"


def made(
    number: int,
    moves: Moves,
    unchanged: Sequence[str] = (),
    failed: Sequence[str] = (),
    kind: str = "promote",
) -> Run:
    """A run of one session at the ``number``-th second, whose plan has all of these."""
    instances = [*moves, *unchanged, *failed]
    steps = [{"action": "promote", "instance": each} for each in instances]
    changes = [
        RecordedChange(
            0, place, each, second(number), Change(Aspect.TRAFFIC, of(before), of(after)), True
        )
        for place, each in enumerate(instances)
        for before, after in moves.get(each, ())
    ]
    endings = {
        place: Ending(*ending(each, moves, unchanged)) for place, each in enumerate(instances)
    }
    header = Header(
        run=f"run-{number:02}",
        started=second(number),
        user="ada",
        host="laptop",
        command="flowdeploy",
        target="google",
        plan={"kind": kind, "stages": [{"name": "production", "steps": steps}]},
        places={each: (FLEET[each].project, FLEET[each].service) for each in instances},
        orders={},
    )
    return Run(header, tuple(changes), endings, begun=second(number))


def of(split: Split | None) -> object:
    return split.as_json() if split else None


def ending(
    instance: str, moves: Moves, unchanged: Sequence[str]
) -> tuple[Outcome, State | None, bool]:
    if instance in moves:
        return Outcome.DONE, State.LIVE, False
    if instance in unchanged:
        return Outcome.UNCHANGED, State.LIVE, True
    return Outcome.FAILED, State.DARK, False


def undone(runs: Sequence[Run], *names: str) -> UndoPlan:
    return find_undo([FLEET[name] for name in names or IDS], runs)


def back(runs: Sequence[Run]) -> dict[str, str]:
    """What each instance is given back, for those that are given anything."""
    return {undo.instance.id: str(undo.split) for undo in undone(runs).undos}


def all_from(before: Split, after: Split, instances: Sequence[str] = IDS) -> Moves:
    return {each: [(before, after)] for each in instances}


def test_what_failed_and_was_promoted_again_comes_back_with_all_others() -> None:
    """Promote B: some done, some failed; again: some unchanged, some done."""
    first = made(1, all_from(A, B, [I0, I1]), failed=[I2, I3])
    again = made(2, all_from(A, B, [I2, I3]), unchanged=[I0, I1])
    assert back([first, again]) == dict.fromkeys(IDS, "A")


def test_an_instance_comes_back_to_its_own() -> None:
    run = made(1, {I0: [(A, C)], I1: [(HALF, C)], I2: [(B, C)]})
    undos = undone([run]).undos
    assert {undo.instance.id: undo.split for undo in undos} == {I0: A, I1: HALF, I2: B}
    assert all(undo.expected == (C,) for undo in undos)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_rollback_repeated_undoes_the_same(times: int) -> None:
    runs = [made(1, all_from(A, B)), made(2, all_from(B, C))]
    runs += [made(2 + n, all_from(C, B), kind="rollback") for n in range(1, times + 1)]
    assert back(runs) == dict.fromkeys(IDS, "B")
    assert all(undo.expected == (C,) for undo in undone(runs).undos)


def test_a_rollback_is_itself_undone_by_name() -> None:
    rollback = made(3, all_from(C, B, [I0]), unchanged=[I1], kind="rollback")
    found = find_undo_of_run([FLEET[I0], FLEET[I1], FLEET[I2]], rollback)
    assert [(undo.instance.id, undo.split, undo.expected) for undo in found.undos] == [
        (I0, C, (B,))
    ]
    reason = "run run-03 did not move its traffic"
    assert found.skipped == (Skipped("i1", reason), Skipped("i2", reason))


def test_what_a_run_left_where_it_was_goes_back_no_further() -> None:
    older, newer = made(1, all_from(A, B)), made(2, all_from(B, C, [I0]), failed=[I1])
    found = undone([older, newer], I0, I1, I2)
    assert {undo.instance.id: str(undo.split) for undo in found.undos} == {"i0": "B", "i2": "A"}
    assert found.skipped == (Skipped("i1", "run run-02 was to move its traffic, and did not"),)


def test_a_run_that_moved_nothing_at_all_is_none() -> None:
    assert back([made(1, all_from(A, B)), made(2, {}, failed=IDS)]) == back(
        [made(1, all_from(A, B))]
    )


def test_a_killed_run_is_undone_by_what_it_meant_to_do() -> None:
    """Nobody knows whether the change happened: both what it left and what was there will do."""
    run = made(2, all_from(A, B, [I0, I1]))
    killed = replace(
        run, changes=tuple(replace(each, happened=None) for each in run.changes), endings={}
    )
    assert back([made(1, all_from(D, A)), killed])[I0] == "A"
    assert undone([killed], I0).undos[0].expected == (B,)


def test_what_is_known_not_to_have_happened_is_not_undone() -> None:
    run = made(2, all_from(A, B, [I0, I1]))
    denied = replace(run.changes[0], happened=False)
    found = undone([replace(run, changes=(denied, run.changes[1]))], I0, I1)
    assert [undo.instance.id for undo in found.undos] == [I1]
    assert [skipped.instance for skipped in found.skipped] == ["i0"]


def test_gradual_traffic_comes_back_from_any_of_its_steps() -> None:
    (undo,) = undone([made(1, {I0: [(A, HALF), (HALF, B)]})], I0).undos
    assert (undo.split, undo.expected) == (A, (HALF, B))


def test_a_service_that_went_live_by_its_first_version_has_nothing_to_come_back_to() -> None:
    found = undone([made(1, {I0: [(None, A)]})], I0)
    assert found.undos == ()
    assert found.skipped


def test_an_instance_that_no_run_names_stays_open() -> None:
    found = undone([made(1, all_from(A, B, [I0]))])
    assert [each.id for each in found.open] == [I1, I2, I3]
    ended = close_search(found)
    assert ended.undos == found.undos
    assert {each.instance for each in ended.skipped} == {I1, I2, I3}


def test_an_id_that_is_another_project_by_now_is_not_touched() -> None:
    another = replace(FLEET[I0], project="elsewhere")
    assert find_undo([another], [made(1, all_from(A, B))]).undos == ()


def test_the_order_in_which_records_are_read_makes_no_difference() -> None:
    runs = [
        made(1, all_from(A, B)),
        made(2, all_from(B, C, [I0, I1])),
        made(3, all_from(B, D, [I2])),
    ]
    expected = {"i0": "B", "i1": "B", "i2": "B", "i3": "A"}
    assert back(runs) == back(runs[::-1]) == expected


def test_what_others_changed_since_overtakes_a_run() -> None:
    run = made(2, all_from(A, B, [I0, I1]), failed=[I2])
    before, after = made(1, all_from(D, A)), made(3, all_from(B, C, [I1, I2, I3]))
    assert find_later_changes(run, [after, before]) == {"i1": "run-03", "i2": "run-03"}


def test_a_run_that_began_before_and_changed_after_overtakes_too() -> None:
    run, waited = made(2, all_from(A, B)), made(3, all_from(B, C, [I0]))
    waited = replace(waited, header=replace(waited.header, run="run-01", started=second(1)))
    assert find_later_changes(run, [waited]) == {"i0": "run-01"}


def test_a_run_is_overtaken_though_it_went_on_to_record() -> None:
    """Its lock was taken over, and it asked only when its next intents were on record."""
    run, theirs = made(1, {I0: [(A, B)]}), made(2, all_from(B, C, [I0]))
    late = replace(run.changes[0], at=second(3), happened=None)
    assert find_later_changes(replace(run, changes=(*run.changes, late)), [theirs]) == {
        "i0": "run-02"
    }


def test_what_did_not_happen_overtakes_nothing() -> None:
    run, other = made(1, all_from(A, B)), made(2, all_from(B, C, [I0]))
    denied = tuple(replace(each, happened=False) for each in other.changes)
    assert find_later_changes(run, [replace(other, changes=denied)]) == {}


VERSIONS = st.sampled_from("ABCD")
FATES = st.sampled_from(["done", "failed", "left out"])


@given(st.lists(st.tuples(VERSIONS, st.lists(FATES, min_size=4, max_size=4)), max_size=8))
def test_a_rollback_gives_back_what_was_there_before_somebody_was_moved(
    promotions: list[tuple[str, list[str]]],
) -> None:
    """Promotions of any versions to any instances, some of which fail on some of them."""
    served, before = dict.fromkeys(IDS, A), dict[str, Split | None]()
    records = []
    for number, (version, drawn) in enumerate(promotions):
        to, fates = Split.all_to(version), dict(zip(IDS, drawn, strict=True))
        unchanged = [each for each in IDS if served[each] == to and fates[each] != "left out"]
        failed = [e for e in IDS if fates[e] == "failed" and e not in unchanged]
        moved = {e: [(served[e], to)] for e in IDS if fates[e] == "done" and e not in unchanged}
        records.append(made(number, moved, unchanged, failed))
        if moved:
            before |= {each: served[each] for each in moved} | dict.fromkeys(failed)
        served |= dict.fromkeys(moved, to)
    assert back(records) == {each: str(split) for each, split in before.items() if split}
    assert all(undo.expected == (served[undo.instance.id],) for undo in undone(records).undos)
