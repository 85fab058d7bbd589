"""The lease over a store in memory whose clock is ours."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import pytest

from flowdeploy.errors import LockHeld
from flowdeploy.journal.lease import TTL, Holder, Lease, kept
from flowdeploy.journal.store import Stored

OURS = Holder("run-1", "ada", "laptop", "flowdeploy run master", "2020-04-03T07:30:34+00:00")
THEIRS = Holder("run-2", "bob", "ci", "flowdeploy run my-feature", "2020-04-03T07:30:35+00:00")


@dataclass
class Memory:
    """An ObjectStore; ``now`` is its clock in seconds."""

    now: float = 0.0
    objects: dict[str, tuple[bytes, int, float]] = field(default_factory=dict)
    written: int = 0

    def read(self, name: str) -> Stored | None:
        if name not in self.objects:
            return None
        content, generation, at = self.objects[name]
        return Stored(content, generation, self.now - at)

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        if self.objects.get(name, (b"", 0, 0.0))[1] != generation:
            return None
        self.written += 1
        self.objects[name] = (content, self.written, self.now)
        return self.written

    def delete(self, name: str, generation: int) -> None:
        if self.objects.get(name, (b"", 0, 0.0))[1] == generation:
            del self.objects[name]


def test_a_lease_that_nobody_has_is_taken_and_given_back() -> None:
    store = Memory()
    lease = Lease(store, "lock", OURS)
    lease.acquire()
    lease.require()
    assert json.loads(store.objects["lock"][0]) == asdict(OURS)
    lease.release()
    assert store.objects == {}


def test_a_lease_that_somebody_has_is_refused_by_name() -> None:
    store = Memory()
    Lease(store, "lock", THEIRS).acquire()
    with pytest.raises(LockHeld, match="`flowdeploy run my-feature` by bob on ci, run run-2"):
        Lease(store, "lock", OURS).acquire()


def test_a_lease_that_was_not_refreshed_lapses() -> None:
    store = Memory()
    theirs = Lease(store, "lock", THEIRS)
    theirs.acquire()
    store.now = TTL
    Lease(store, "lock", OURS).acquire()
    theirs.release()
    assert json.loads(store.objects["lock"][0]) == asdict(OURS), "giving back takes nothing away"


def test_of_two_who_take_a_lapsed_lease_over_one_gets_it() -> None:
    store = Memory()
    Lease(store, "lock", THEIRS).acquire()
    store.now = TTL

    class Slow(Memory):
        """Somebody else writes between our read and our write."""

        def write(self, name: str, content: bytes, generation: int) -> int | None:
            super().write(name, json.dumps(asdict(THEIRS)).encode(), generation)
            return super().write(name, content, generation)

    slow = Slow(store.now, store.objects, store.written)
    with pytest.raises(LockHeld, match="bob"):
        Lease(slow, "lock", OURS).acquire()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"run": 1}', b"[]"])
def test_a_holder_that_cannot_be_read_still_holds(content: bytes) -> None:
    store = Memory(objects={"lock": (content, 7, 0.0)}, written=7)
    with pytest.raises(LockHeld, match="somebody who wrote no name"):
        Lease(store, "lock", OURS).acquire()


def test_a_lease_that_was_never_taken_is_not_ours() -> None:
    with pytest.raises(LockHeld, match="lost"):
        Lease(Memory(), "lock", OURS, _confirmed=float("-inf")).require()


def test_a_kept_lease_is_given_back_also_after_an_error() -> None:
    store = Memory()
    lease = Lease(store, "lock", OURS)
    lease.acquire()
    with pytest.raises(ZeroDivisionError), kept(lease):
        _ = 1 / 0
    assert store.objects == {}
