"""Locks are leases: each lapses unless its holder refreshes it.

The holder rewrites an object again and again. Once the object is `TTL` seconds old by the
store's clock, anybody may take the lease; at once, where the holder ran on this machine and
has ended. A holder that could not refresh it for half of that time must stop before its next
change.
"""

from __future__ import annotations

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

from flowdeploy.errors import LockHeld, ServiceError
from flowdeploy.planning.fleet import Role
from flowdeploy.records.process import Process
from flowdeploy.records.store import ObjectStore, Stored
from flowdeploy.rollout.contract import Notify

TTL = 60.0
REFRESH = 15.0
LOOK_AGAIN = 2.0
ASK_AGAIN = 1.0  # seconds for which the store's answer that a lease is ours is trusted
ASKS = 5  # for an answer that comes in that time
GRACE = 8.0  # seconds in which the last request of a holder arrives: it may have to connect
TAKE_OVERS = 3  # attempts: the holder may refresh the lease between our read and our write

LAPSES = f"If it was killed, its lock lapses within {TTL:.0f} s."
TRY_AGAIN = f"Run the same command again when it has ended. {LAPSES}"
WAIT = f"`--wait 10m` waits for it to end. {LAPSES}"
WAIT_OR_TAKE_OVER = (
    "`--wait 10m` waits for it to end; `--take-over` takes the lock, and its holder stops"
    f" before its next change. {LAPSES}"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lease: the run, its user, the machine, and since when (RFC 3339).

    ``process`` is None where it is not known.
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
        return cls(run, user, socket.gethostname(), command, now, Process.current())

    @classmethod
    def from_bytes(cls, content: bytes) -> Holder | None:
        """None where ``content`` is no holder. Later versions may write more fields."""
        try:
            found = json.loads(content)
            said = [found[key] for key in ("run", "user", "host", "command", "since")]
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        run, user, host, command, since = map(str, said)
        return cls(run, user, host, command, since, Process.from_json(found.get("process")))

    def __bytes__(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    def __str__(self) -> str:
        return f"`{self.command}` by {self.user} on {self.host}, run {self.run}, since {self.since}"


@dataclass(slots=True)
class Lease:
    """A lease by its object's name. Not held until `acquire` returns.

    ``hint`` is for the user of a run that does not get it. No two runs may have equal holders.
    """

    store: ObjectStore
    name: str
    holder: Holder
    hint: str = TRY_AGAIN
    _generation: int = 0
    _confirmed: float = 0.0
    _asked: float = -math.inf
    _asking: threading.Lock = field(default_factory=threading.Lock)
    _failure: tuple[float, ServiceError] | None = None
    _lost: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    def acquire(self, *, take_over: bool = False) -> bool:
        """Take the lease; with ``take_over``, from its holder, which is then true.

        Raises LockHeld, naming the holder, where another run has it or was faster.
        """
        found = self.store.read(self.name)
        for _ in range(TAKE_OVERS if take_over else 1):
            is_held = found is not None and not _is_free(found)
            if is_held and not take_over:
                break
            if self._write(found.generation if found else 0) is not None:
                return is_held
            found = self.store.read(self.name)
        raise LockHeld(
            f"another run has the lock {self.name}: {_describe_holder(found)}", hint=self.hint
        )

    def ensure(self) -> None:
        """As `confirm`, but by an answer that is less than a second old; from any thread.

        Raises ServiceError, too: the same for all who ask within a second.
        """
        with self._asking:
            for _ in range(ASKS):
                self.require()
                now = time.monotonic()
                if now - self._asked < ASK_AGAIN:
                    return
                if self._failure and now - self._failure[0] < ASK_AGAIN:
                    raise self._failure[1]
                try:
                    self.confirm()
                except ServiceError as error:
                    self._failure = time.monotonic(), error
                    raise
        raise LockHeld(
            f"it is not known in time whether the lock {self.name} is still held",
            hint="The records answer too slowly to change anything: see whether the network does.",
        )

    def confirm(self) -> None:
        """Ask the store whether the lease is still this run's, and was refreshed in time.

        Raises LockHeld, naming the new holder, where it is not.
        """
        asked = time.monotonic()
        found = self.store.read(self.name)
        # Not by the generation: the refreshing thread may not know the newest one yet.
        if found is None or found.content != bytes(self.holder):
            self._lost = True
            raise LockHeld(
                f"the lock {self.name} was taken over: {_describe_holder(found)}",
                hint="This run changes nothing more. `flowdeploy history` shows the other one.",
            )
        self._confirmed = max(self._confirmed, asked - found.age)
        self._asked = asked
        self.require()

    def require(self) -> None:
        """Raises LockHeld where the lease may have lapsed, or is being released."""
        if self._lost or self._ended.is_set() or time.monotonic() - self._confirmed > TTL / 2:
            raise LockHeld(
                f"the lock {self.name} was lost: it could not be refreshed in time",
                hint="Another run may have started. `flowdeploy history` shows it.",
            )

    def release(self) -> None:
        self.store.delete(self.name, self._generation)

    def refresh_until_stopped(self, refresh: float) -> None:
        """Refresh every ``refresh`` seconds until `stop` is called; runs in a thread of its own."""
        while not self._ended.wait(refresh):
            try:
                self._lost = self._write(self._generation) is None
            except ServiceError:
                continue  # `require` fails when this lasts too long
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


def _is_free(found: Stored) -> bool:
    if found.age >= TTL:
        return True
    holder = Holder.from_bytes(found.content)
    return bool(holder and holder.process and holder.process.is_gone())


def _describe_holder(found: Stored | None) -> str:
    if found is None:
        return "a run that has released it since"
    return str(Holder.from_bytes(found.content) or "a holder without a name")


def acquire_lease(
    lease: Lease,
    wait: float,
    notify: Notify,
    *,
    take_over: bool = False,
    sleep: Callable[[float], object] = time.sleep,
) -> bool:
    """Acquire the lease, waiting up to ``wait`` seconds for its holder to end.

    Whether it was taken over from its holder. Tells ``notify`` who has it. Raises LockHeld
    where it is not free in time.
    """
    deadline = time.monotonic() + wait
    told = ""
    while True:
        try:
            return lease.acquire(take_over=take_over)
        except LockHeld as error:
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            if error.message != told:
                told = error.message
                notify(f"waiting: {told}")
        sleep(min(LOOK_AGAIN, left))


@contextmanager
def hold_lease(lease: Lease, refresh: float = REFRESH) -> Iterator[None]:
    """Refresh an acquired lease in the background, and release it at the end."""
    keeper = threading.Thread(
        target=lease.refresh_until_stopped, args=[refresh], name="lease", daemon=True
    )
    keeper.start()
    try:
        yield
    finally:
        lease.stop()
        keeper.join(REFRESH)  # a refresh that is under way would outlive the release
        with suppress(Exception):  # a lease that cannot be released lapses
            lease.release()


@dataclass(slots=True)
class Locks:
    """The leases of a run: one for each role whose instances it changes.

    Acquired in the order of `Role`, so that two runs never wait for each other.

    ``wait`` is how many seconds to wait for each; ``take_over`` takes them from their
    holder. ``hint`` is for the user of a run that does not get them.
    """

    store: ObjectStore
    holder: Holder
    wait: float = 0.0
    take_over: bool = False
    hint: str = WAIT
    _leases: list[Lease] = field(default_factory=list, init=False)
    _held: ExitStack = field(default_factory=ExitStack, init=False)

    def acquire(self, roles: Iterable[Role], notify: Notify) -> None:
        """Raises LockHeld, naming the holder, and ServiceError. Keeps what was acquired."""
        wanted = set(roles)
        for role in (role for role in Role if role in wanted):
            lease = Lease(self.store, f"locks/{role}", self.holder, self.hint)
            is_taken_over = acquire_lease(lease, self.wait, notify, take_over=self.take_over)
            self._held.enter_context(hold_lease(lease))
            self._leases.append(lease)
            if is_taken_over:
                notify("the lock was taken over; waiting for the last request of its holder")
                time.sleep(GRACE)

    def ensure(self) -> None:
        """Raises LockHeld unless this run still has all of them; see `Lease.ensure`."""
        for lease in self._leases:
            lease.ensure()

    def release(self) -> None:
        self._held.close()
