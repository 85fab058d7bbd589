"""A lock that lapses by itself: an object that its holder writes again and again.

A holder that is killed writes no more, and after `TTL` seconds by the store's
clock anybody may take the lease over. A holder that could not write for half
of that must stop before its next change.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from flowdeploy.errors import FlowdeployError, LockHeld, ServiceError
from flowdeploy.journal.store import ObjectStore

TTL = 60.0
REFRESH = 15.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: the run, the person or service, the machine, and since when (RFC 3339)."""

    run: str
    user: str
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        return f"`{self.command}` by {self.user} on {self.host}, run {self.run}, since {self.since}"


@dataclass(slots=True)
class Lease:
    """A lease by its object's name. Not held until `acquire` returns."""

    store: ObjectStore
    name: str
    holder: Holder
    _generation: int = 0
    _confirmed: float = 0.0
    _lost: bool = False
    _released: threading.Event = field(default_factory=threading.Event)

    def acquire(self) -> None:
        """Take the lease. Raises LockHeld, naming the holder, where somebody has it."""
        found = self.store.read(self.name)
        if found and found.age < TTL:
            raise self._held(found.content)
        generation = self._write(found.generation if found else 0)
        if generation is None:
            newer = self.store.read(self.name)
            raise self._held(newer.content if newer else b"")

    def require(self) -> None:
        """Raises LockHeld where the lease is no longer surely ours."""
        if self._lost or time.monotonic() - self._confirmed > TTL / 2:
            raise LockHeld(
                f"the lock {self.name} was lost: it could not be refreshed in time",
                hint="Somebody else may be at work. Look who, then run the same command again.",
            )

    def release(self) -> None:
        self._released.set()
        self.store.delete(self.name, self._generation)

    def keep(self) -> None:
        """Refresh until released; for a thread of its own."""
        while not self._released.wait(REFRESH):
            try:
                self._lost = self._write(self._generation) is None
            except ServiceError:
                continue  # `require` tells when this has gone on for too long
            if self._lost:
                return

    def _write(self, generation: int) -> int | None:
        asked = time.monotonic()
        content = json.dumps(asdict(self.holder)).encode()
        written = self.store.write(self.name, content, generation)
        if written is not None:
            self._generation, self._confirmed = written, asked
        return written

    def _held(self, content: bytes) -> LockHeld:
        return LockHeld(
            f"another run is at work: {_holder(content)}",
            hint=f"Wait for it to end. If it was killed, its lock lapses within {TTL:.0f} s.",
        )


def _holder(content: bytes) -> str:
    """Who has the lease, as far as what they wrote can be read."""
    try:
        return str(Holder(**json.loads(content)))
    except (ValueError, TypeError):
        return "somebody who wrote no name"


@contextmanager
def kept(lease: Lease) -> Iterator[None]:
    """Refresh an acquired lease in the background, and give it back at the end."""
    threading.Thread(target=lease.keep, name="lease", daemon=True).start()
    try:
        yield
    finally:
        _release(lease)


def _release(lease: Lease) -> None:
    """A lease that cannot be given back lapses; what was done under it is done all the same."""
    try:
        lease.release()
    except FlowdeployError:
        return
