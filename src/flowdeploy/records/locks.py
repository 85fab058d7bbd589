"""The locks of a run: one lease for each role whose instances it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from flowdeploy.planning.fleet import Role
from flowdeploy.records.lease import WAIT, Holder, Lease, acquire_lease, hold_lease
from flowdeploy.records.store import ObjectStore


@dataclass(slots=True)
class Locks:
    """Acquired in the order of `Role`, so that two runs never wait for each other.

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

    def acquire(self, roles: Iterable[Role], notify: Callable[[str], None]) -> None:
        """Raises LockHeld, naming the holder, and ServiceError. Keeps what was acquired."""
        wanted = set(roles)
        for role in (role for role in Role if role in wanted):
            lease = Lease(self.store, f"locks/{role}", self.holder, self.hint)
            acquire_lease(lease, self.wait, notify, take_over=self.take_over)
            self._held.enter_context(hold_lease(lease))
            self._leases.append(lease)

    def confirm(self) -> None:
        """Raises LockHeld unless this run still has all of them."""
        for lease in self._leases:
            lease.confirm()

    def release(self) -> None:
        self._held.close()
