"""The lease over records in a folder."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdeploy.clients.folder_store import FolderStore
from flowdeploy.errors import LockHeld, ServiceError
from flowdeploy.records.locks import ASK_AGAIN, ASKS, TTL, Holder, Lease, acquire_lease, hold_lease
from flowdeploy.records.process import Process
from flowdeploy.records.store import Stored

OURS = Holder("run-1", "ada", "laptop", "flowdeploy run master", "2020-04-03T07:30:34+00:00")
THEIRS = Holder("run-2", "bob", "ci", "flowdeploy run my-feature", "2020-04-03T07:30:35+00:00")
NAMES_THEM = "`flowdeploy run my-feature` by bob on ci, run run-2, since 2020-04-03T07:30:35"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def ours(store: FolderStore) -> Lease:
    return Lease(store, "lock", OURS)


@pytest.fixture
def theirs(store: FolderStore) -> Lease:
    return Lease(store, "lock", THEIRS)


def found_in(store: FolderStore) -> Holder | None:
    found = store.read("lock")
    return Holder.from_bytes(found.content) if found else None


def let_pass(store: FolderStore, seconds: float) -> None:
    """As if the lease had been written so much earlier."""
    written = time.time() - seconds
    os.utime(store.root / "lock", (written, written))


def test_a_lease_that_nobody_has_is_taken_and_given_back(store: FolderStore, ours: Lease) -> None:
    ours.acquire()
    ours.require()
    ours.confirm()
    assert found_in(store) == OURS
    ours.release()
    assert found_in(store) is None


def test_a_lease_that_somebody_has_is_refused_by_name(ours: Lease, theirs: Lease) -> None:
    theirs.acquire()
    with pytest.raises(LockHeld) as held:
        ours.acquire()
    assert NAMES_THEM in held.value.message
    assert "lock" in held.value.message
    assert held.value.hint == ours.hint


def test_a_lease_that_was_not_refreshed_lapses(
    store: FolderStore, ours: Lease, theirs: Lease
) -> None:
    theirs.acquire()
    let_pass(store, TTL - 10)
    with pytest.raises(LockHeld):
        ours.acquire()
    let_pass(store, TTL)
    ours.acquire()
    theirs.release()
    assert found_in(store) == OURS, "giving back takes nothing away"


@dataclass(frozen=True, slots=True)
class Raced(FolderStore):
    """Somebody else is faster by a write, ``times`` times."""

    times: list[int]

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        if self.times:
            self.times.pop()
            FolderStore.write(self, name, bytes(THEIRS), generation)
        return FolderStore.write(self, name, content, generation)


def test_of_two_who_take_a_lapsed_lease_over_one_gets_it(store: FolderStore, theirs: Lease) -> None:
    theirs.acquire()
    let_pass(store, TTL)
    with pytest.raises(LockHeld, match="bob"):
        Lease(Raced(store.root, [1]), "lock", OURS).acquire()
    assert found_in(store) == THEIRS


def test_who_takes_over_gets_it_though_it_is_refreshed_meanwhile(
    store: FolderStore, theirs: Lease
) -> None:
    theirs.acquire()
    Lease(Raced(store.root, [1, 1]), "lock", OURS).acquire(take_over=True)
    assert found_in(store) == OURS


def test_who_was_taken_over_learns_by_whom(store: FolderStore, ours: Lease, theirs: Lease) -> None:
    ours.acquire()
    theirs.acquire(take_over=True)
    ours.require()
    with pytest.raises(LockHeld, match="taken over") as lost:
        ours.confirm()
    assert NAMES_THEM in lost.value.message
    with pytest.raises(LockHeld, match="lost"):
        ours.require()
    ours.release()
    assert found_in(store) == THEIRS
    theirs.confirm()


def test_who_was_taken_over_learns_it_also_when_the_other_has_finished(
    ours: Lease, theirs: Lease
) -> None:
    ours.acquire()
    theirs.acquire(take_over=True)
    theirs.release()
    with pytest.raises(LockHeld, match="released it since"):
        ours.confirm()


def test_a_refresh_is_confirmed_whoever_learns_of_it_first(store: FolderStore, ours: Lease) -> None:
    ours.acquire()
    found = store.read("lock")
    assert found
    store.write("lock", bytes(OURS), found.generation)
    ours.confirm()


def test_a_lease_that_was_not_refreshed_for_half_its_time_is_not_confirmed(
    store: FolderStore, ours: Lease
) -> None:
    ours.acquire()
    ours._confirmed = float("-inf")
    let_pass(store, TTL / 2 + 1)
    with pytest.raises(LockHeld, match="could not be refreshed in time"):
        ours.confirm()
    let_pass(store, TTL / 2 - 10)
    ours.confirm()


def test_a_lease_of_a_process_that_is_gone_is_free_at_once(store: FolderStore, ours: Lease) -> None:
    this = Process.current()
    if this is None:
        pytest.skip("no /proc of this PID namespace")
    Lease(store, "lock", replace(THEIRS, process=this)).acquire()
    with pytest.raises(LockHeld):
        ours.acquire()
    gone = replace(THEIRS, process=replace(this, started=this.started - 1))
    Lease(store, "lock", gone).acquire(take_over=True)
    ours.acquire()


def test_a_holder_of_this_process_says_so() -> None:
    holder = Holder.here("run-1", "ada", "flowdeploy run master")
    assert holder.process == Process.current()
    assert holder.since.endswith("+00:00")


@given(st.builds(Holder, *[st.text()] * 5, st.none() | st.builds(Process)))
def test_a_holder_is_read_as_it_was_written(holder: Holder) -> None:
    assert Holder.from_bytes(bytes(holder)) == holder


def test_records_of_earlier_and_later_versions_are_read() -> None:
    record = asdict(THEIRS)
    del record["process"]
    assert Holder.from_bytes(json.dumps(record).encode()) == THEIRS
    assert Holder.from_bytes(json.dumps(record | {"process": {"id": 7}, "x": 1}).encode()) == THEIRS


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b'{"run": 1}', b"[]", b"null", b"[" * 200_000]
)
def test_a_holder_that_cannot_be_read_still_holds(
    store: FolderStore, ours: Lease, content: bytes
) -> None:
    store.write("lock", content, 0)
    with pytest.raises(LockHeld, match="a holder without a name"):
        ours.acquire()


def test_a_lease_that_was_never_taken_is_not_ours(ours: Lease) -> None:
    with pytest.raises(LockHeld, match="taken over"):
        ours.confirm()
    with pytest.raises(LockHeld, match="lost"):
        ours.require()


def test_a_kept_lease_is_given_back_also_after_an_error(store: FolderStore, ours: Lease) -> None:
    ours.acquire()
    with pytest.raises(ZeroDivisionError), hold_lease(ours):
        _ = 1 / 0
    assert found_in(store) is None


def test_a_kept_lease_is_refreshed_until_it_is_given_back(
    store: FolderStore,
) -> None:
    for _ in range(10):
        lease = Lease(store, "lock", OURS)
        lease.acquire()
        first = lease._generation
        with hold_lease(lease, refresh=0.0):
            while lease._generation == first:
                lease.require()
        assert found_in(store) is None


def test_a_kept_lease_notices_that_it_was_taken_over(
    store: FolderStore, ours: Lease, theirs: Lease
) -> None:
    ours.acquire()
    theirs.acquire(take_over=True)
    with hold_lease(ours, refresh=0.0):
        while not ours._lost:
            assert found_in(store) == THEIRS
    with pytest.raises(LockHeld, match="lost"):
        ours.require()
    assert found_in(store) == THEIRS


def test_who_waits_gets_the_lease_once_it_is_free(
    store: FolderStore, ours: Lease, theirs: Lease
) -> None:
    theirs.acquire()
    told: list[str] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            theirs.release()

    acquire_lease(ours, 3600.0, told.append, sleep=sleep)
    assert found_in(store) == OURS
    assert len(slept) == 3
    [text] = told
    assert NAMES_THEM in text


def test_who_does_not_wait_is_told_at_once(ours: Lease, theirs: Lease) -> None:
    theirs.acquire()
    told: list[str] = []
    with pytest.raises(LockHeld, match="bob"):
        acquire_lease(ours, 0.0, told.append)
    assert told == []


def test_who_takes_over_does_not_wait(store: FolderStore, ours: Lease, theirs: Lease) -> None:
    theirs.acquire()
    acquire_lease(ours, 0.0, lambda _: None, take_over=True)
    assert found_in(store) == OURS


@dataclass(frozen=True, slots=True)
class Slow(FolderStore):
    """Answers take so many seconds, one after the other."""

    seconds: list[float]

    def read(self, name: str) -> Stored | None:
        found = FolderStore.read(self, name)
        time.sleep(self.seconds.pop(0) if self.seconds else 0.0)
        return found


def test_an_answer_that_came_late_is_asked_for_again(tmp_path: Path) -> None:
    ours = Lease(Slow(tmp_path, []), "lock", OURS)
    ours.acquire()
    Lease(FolderStore(tmp_path), "lock", THEIRS).acquire(take_over=True)
    late = Lease(Slow(tmp_path, [ASK_AGAIN + 0.1]), "lock", THEIRS)
    late.acquire(take_over=True)
    late.ensure()
    with pytest.raises(LockHeld, match="taken over"):
        ours.ensure()


def test_answers_that_always_come_late_are_no_confirmation(tmp_path: Path) -> None:
    ours = Lease(Slow(tmp_path, [0.0, *[ASK_AGAIN + 0.01] * ASKS]), "lock", OURS)
    ours.acquire()
    with pytest.raises(LockHeld, match="not known in time"):
        ours.ensure()


def test_a_lease_that_is_given_back_is_none(ours: Lease) -> None:
    ours.acquire()
    ours.ensure()
    with hold_lease(ours):
        pass
    with pytest.raises(LockHeld):
        ours.ensure()


@dataclass(frozen=True, slots=True)
class Failing(FolderStore):
    """Cannot be read."""

    reads: list[str]

    def read(self, name: str) -> Stored | None:
        self.reads.append(name)
        if len(self.reads) > 1:
            raise ServiceError("UNAVAILABLE", "not now")
        return FolderStore.read(self, name)


def test_all_who_ask_in_one_moment_get_the_same_failure(tmp_path: Path) -> None:
    store = Failing(tmp_path, [])
    ours = Lease(store, "lock", OURS)
    ours.acquire()
    for _ in range(5):
        with pytest.raises(ServiceError):
            ours.ensure()
    assert len(store.reads) == 2
