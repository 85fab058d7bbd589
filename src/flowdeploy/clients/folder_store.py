"""Records on this machine alone: files in a folder, for `records: local`.

A file's generation is its modification time in nanoseconds, which grows with every write to
the store; a file holds the object's bytes and nothing else. Reads take no lock, because a
write replaces the whole file by renaming.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from flowdeploy.clients.files import make_private_folder, replace_file
from flowdeploy.config.regular_files import open_regular
from flowdeploy.errors import ServiceError
from flowdeploy.records.store import Listed, Stored

LOCK = ".lock"
CLOCK = ".lock-time"
PATIENCE = 30.0  # seconds for another process to end its write


@dataclass(frozen=True, slots=True)
class FolderStore:
    """An ``ObjectStore`` (see `flowdeploy.records.store`) for any number of processes.

    Writes survive a crash of the machine: files and folders are synced. Only this user may
    read them. Every method raises ServiceError where the folder cannot be used.
    """

    root: Path

    def read(self, name: str) -> Stored | None:
        with self._name_folder():
            try:
                with open_regular(self.root / name) as file:
                    written = os.fstat(file.fileno()).st_mtime_ns
                    return Stored(file.read(), written, max(0.0, time.time() - written / 1e9))
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes, generation: int) -> int | None:
        path = self.root / name
        with self._name_folder(), self._lock():
            if _generation(path) != generation:
                return None
            self._make_folder(path.parent)
            written = _next_time(self.root / CLOCK, generation)
            with replace_file(path, prefix=LOCK) as file:
                file.write(content)
                file.flush()
                os.utime(file.fileno(), ns=(written, written))
                written = os.fstat(file.fileno()).st_mtime_ns  # as exactly as the disk has it
            _sync(path.parent)
            return written

    def delete(self, name: str, generation: int) -> None:
        path = self.root / name
        with self._name_folder(), self._lock():
            if _generation(path) == generation:
                path.unlink(missing_ok=True)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def folders(self, prefix: str) -> tuple[str, ...]:
        with self._name_folder():
            try:
                with os.scandir(self.root / prefix) as entries:
                    return tuple(sorted(each.name for each in entries if each.is_dir()))
            except FileNotFoundError:
                return ()

    def objects(self, prefix: str) -> tuple[Listed, ...]:
        with self._name_folder():
            try:
                return tuple(sorted(_list_folder(self.root / prefix, prefix)))
            except FileNotFoundError:
                return ()

    @contextmanager
    def _name_folder(self) -> Iterator[None]:
        """Converts OSError to ServiceError. Raises ServiceError."""
        try:
            yield
        except OSError as error:
            where = error.filename or self.root  # a full disk names no file
            raise ServiceError(
                "RECORDS",
                f"the records in {where} cannot be used: {error.strerror or error}",
                hint="FLOWDEPLOY_HOME names a folder that can be written to.",
            ) from error

    @contextmanager
    def _lock(self) -> Iterator[None]:
        make_private_folder(self.root)
        with FileLock(self.root / LOCK, mode=0o600).acquire(PATIENCE, poll_interval=0.01):
            yield

    def _make_folder(self, folder: Path) -> None:
        make_private_folder(folder)
        while folder != self.root:
            folder = folder.parent
            _sync(folder)


def _generation(path: Path) -> int:
    """0 where there is no such file."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _list_folder(folder: Path, prefix: str) -> Iterator[Listed]:
    """The objects in a folder, without locks and unfinished files."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(LOCK) or not entry.is_file():
                continue
            written = entry.stat().st_mtime_ns
            at = datetime.fromtimestamp(written / 1e9, UTC)
            yield Listed(at, written, f"{prefix}{entry.name}")


def _next_time(clock: Path, generation: int) -> int:
    """The time of a write in nanoseconds: later than all before it, also if the machine's clock
    was put back. The file ``clock`` has the time of the last one."""
    written = max(time.time_ns(), generation + 1, _generation(clock) + 1)
    clock.touch(0o600)
    os.utime(clock, ns=(written, written))
    return written


def _sync(folder: Path) -> None:
    """Write a folder to the disk, so that renames in it survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
