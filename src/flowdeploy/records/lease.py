"""A lock that lapses by itself: an object that its holder writes again and again.

A holder that is killed writes no more. After `TTL` seconds by the store's clock anybody
may take the lease over, and at once where its holder ran on this machine and is seen to
be gone. A holder that could not write for half of that must stop before its next change.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from flowdeploy.errors import FlowdeployError, LockHeld, ServiceError
from flowdeploy.records.process import Process
from flowdeploy.records.store import ObjectStore, Stored
from flowdeploy.rollout import Notify

TTL = 60.0
REFRESH = 15.0
LOOK_AGAIN = 2.0
TAKE_OVERS = 3  # attempts, for the holder may refresh the lease between our look and our write

LAPSES = f"If it was killed, its lock lapses within {TTL:.0f} s."
TRY_AGAIN = f"Run the same command again when it has ended. {LAPSES}"
WAIT = f"`--wait 10m` waits for it to end. {LAPSES}"
WAIT_OR_TAKE_OVER = (
    "`--wait 10m` waits for it to end; `--take-over` takes the lock from it, and it stops"
    f" before its next change. {LAPSES}"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: the run, the person or service, the machine, and since when (RFC 3339).

    ``process`` is None where nobody could say which one it is.
    """

    run: str
    user: str
    host: str
    command: str
    since: str
    process: Process | None = None

    @classmethod
    def here(cls, run: str, user: str, command: str) -> Holder:
        """This process, from now on."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(run, user, socket.gethostname(), command, now, Process.this())

    @classmethod
    def of_bytes(cls, content: bytes) -> Holder | None:
        """Who wrote this; None where it cannot be read. Later versions may write more."""
        try:
            found = json.loads(content)
            said = [found[key] for key in ("run", "user", "host", "command", "since")]
        except (ValueError, LookupError, TypeError):
            return None
        run, user, host, command, since = map(str, said)
        return cls(run, user, host, command, since, Process.of_json(found.get("process")))

    def __bytes__(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    def __str__(self) -> str:
        return f"`{self.command}` by {self.user} on {self.host}, run {self.run}, since {self.since}"


@dataclass(slots=True)
class Lease:
    """A lease by its object's name. Not held until `acquire` returns.

    ``hint`` tells whoever does not get it what to do. No two runs may have equal holders.
    """

    store: ObjectStore
    name: str
    holder: Holder
    hint: str = TRY_AGAIN
    _generation: int = 0
    _confirmed: float = 0.0
    _lost: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    def acquire(self, *, take_over: bool = False) -> None:
        """Take the lease, with ``take_over`` from whoever has it.

        Raises LockHeld, naming the holder, where somebody has it or was faster.
        """
        found = self.store.read(self.name)
        for _ in range(TAKE_OVERS if take_over else 1):
            if found and not take_over and not _is_free(found):
                break
            if self._write(found.generation if found else 0) is not None:
                return
            found = self.store.read(self.name)
        raise self._held(found)

    def confirm(self) -> None:
        """Ask the store whether the lease is ours, and was refreshed in time.

        Raises LockHeld, naming who has taken it over, where it is not.
        """
        asked = time.monotonic()
        found = self.store.read(self.name)
        # Not by the generation: the thread that refreshes may be about to learn the next one.
        if found is None or found.content != bytes(self.holder):
            self._lost = True
            raise self._taken(found)
        self._confirmed = max(self._confirmed, asked - found.age)
        self.require()

    def require(self) -> None:
        """Raises LockHeld where the lease is no longer surely ours."""
        if self._lost or time.monotonic() - self._confirmed > TTL / 2:
            raise LockHeld(
                f"the lock {self.name} was lost: it could not be refreshed in time",
                hint="Somebody else may be at work. Look who, then run the same command again.",
            )

    def release(self) -> None:
        self.store.delete(self.name, self._generation)

    def keep(self, refresh: float) -> None:
        """Refresh, every so many seconds, until `stop` is called; for a thread of its own."""
        while not self._ended.wait(refresh):
            try:
                self._lost = self._write(self._generation) is None
            except ServiceError:
                continue  # `require` tells when this has gone on for too long
            if self._lost:
                return

    def stop(self) -> None:
        self._ended.set()

    def _write(self, generation: int) -> int | None:
        asked = time.monotonic()
        written = self.store.write(self.name, bytes(self.holder), generation)
        if written is not None:
            self._generation, self._confirmed = written, asked
        return written

    def _held(self, found: Stored | None) -> LockHeld:
        return LockHeld(
            f"another run has the lock {self.name}: {_whose(found)}",
            hint=self.hint,
        )

    def _taken(self, found: Stored | None) -> LockHeld:
        return LockHeld(
            f"the lock {self.name} was taken over: {_whose(found)}",
            hint="This run changes nothing more. Look what the other one does, before you run"
            " the same command again.",
        )


def _is_free(found: Stored) -> bool:
    if found.age >= TTL:
        return True
    holder = Holder.of_bytes(found.content)
    return bool(holder and holder.process and holder.process.is_gone())


def _whose(found: Stored | None) -> str:
    if found is None:
        return "somebody who has given it back since"
    return str(Holder.of_bytes(found.content) or "somebody who wrote no name")


def acquired(
    lease: Lease,
    wait: float,
    notify: Notify,
    *,
    take_over: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Acquire the lease, once whoever has it is done.

    Raises LockHeld where that is not within ``wait`` seconds; 0: where it is not free.
    ``notify`` is told who has it.
    """
    deadline = time.monotonic() + wait
    told = ""
    while (error := _refusal(lease, take_over)) is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise error
        if error.message != told:
            told = error.message
            notify(f"waiting: {told}")
        sleep(min(LOOK_AGAIN, left))


def _refusal(lease: Lease, take_over: bool) -> LockHeld | None:
    try:
        lease.acquire(take_over=take_over)
    except LockHeld as error:
        return error
    return None


@contextmanager
def kept(lease: Lease, refresh: float = REFRESH) -> Iterator[None]:
    """Refresh an acquired lease in the background, and give it back at the end."""
    keeper = threading.Thread(target=lease.keep, args=[refresh], name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        lease.stop()
        keeper.join(REFRESH)  # a refresh that is under way would outlive what is given back
        _release(lease)


def _release(lease: Lease) -> None:
    """A lease that cannot be given back lapses; what was done under it is done all the same."""
    try:
        lease.release()
    except FlowdeployError:
        return
