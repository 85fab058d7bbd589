"""The store of objects that records need; `flowdeploy.clients` has a bucket and a folder."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that was read.

    ``generation`` changes with every write. ``age`` is the number of seconds since the last
    write, by the store's own clock.
    """

    content: bytes
    generation: int
    age: float


@dataclass(frozen=True, slots=True, order=True)
class Listed:
    """An object in a listing; ordered by ``written``, its last write by the store's own clock."""

    written: datetime
    generation: int
    name: str


class ObjectStore(Protocol):
    """Named objects with generation preconditions, as in Cloud Storage.

    Every method raises ServiceError where the store fails.
    """

    def read(self, name: str) -> Stored | None:
        """None where there is no such object."""

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        """Write if the object still has this generation (0: if there is no object).

        Returns the new generation, or None where the object has another one.
        """

    def delete(self, name: str, generation: int) -> None:
        """Delete the object if it still has this generation."""

    def now(self) -> datetime:
        """The time by the store's own clock."""

    def folders(self, prefix: str) -> tuple[str, ...]:
        """The names of the folders directly under ``prefix``, without it; sorted."""

    def objects(self, prefix: str) -> tuple[Listed, ...]:
        """The objects directly under ``prefix``, which ends in a slash; the oldest first."""
