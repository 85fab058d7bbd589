"""What the journal needs of a place to keep things; `executors.clients` provides it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as it was read.

    ``generation`` changes with every write. ``age`` is the seconds since the last
    write, by the store's own clock.
    """

    content: bytes
    generation: int
    age: float


class ObjectStore(Protocol):
    """Named objects with generation preconditions, as Cloud Storage has them.

    Every method raises ServiceError where the store does not do its part.
    """

    def read(self, name: str) -> Stored | None:
        """None where there is no such object."""

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        """Write if the object still has this generation (0: if there is none).

        The new generation; None where somebody else was faster.
        """

    def delete(self, name: str, generation: int) -> None:
        """Delete the object if it still has this generation."""

    def now(self) -> datetime:
        """The time by the store's own clock."""

    def children(self, prefix: str) -> tuple[str, ...]:
        """What lies directly under ``prefix``, which ends in a slash or is empty; sorted.

        An object by its whole name; all that lies deeper by its folder, with a
        slash at the end. No folder is empty.
        """
