"""Files here and in Cloud Storage, as values; importing this loads no client."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import IO, cast

from flowdeploy.errors import FlowdeployError


@dataclass(frozen=True, slots=True)
class BucketFolder:
    """A bucket that holds files by their SHA-1, and the prefix of the objects' names."""

    bucket: str
    prefix: str = ""


def file_changed(path: Path, reason: str) -> FlowdeployError:
    """The error for a file that has changed since the run began."""
    return FlowdeployError(
        f"{path} cannot be deployed as it was when the run began: {reason}",
        hint="Let nothing write into the staged folder during a run, and run it again.",
    )


def make_private_folder(folder: Path) -> None:
    """Make a folder and its parents, unless they exist, for this user alone. Raises OSError."""
    for each in reversed((folder, *folder.parents)):
        if not each.exists():
            each.mkdir(0o700, exist_ok=True)  # `parents=True` would ignore the mode for parents


def open_private(path: Path, mode: str, buffering: int = -1) -> IO[bytes]:
    """Open a file for writing bytes that this user alone may read. Raises OSError."""
    return cast("IO[bytes]", open(path, mode, buffering, opener=_private_descriptor))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that this user alone may read. Raises OSError."""
    with open_private(path, "wb") as file:
        file.write(content)


def _private_descriptor(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    with suppress(OSError):  # an existing file may be another user's, or have no mode
        os.fchmod(descriptor, 0o600)
    return descriptor


@contextmanager
def replace_file(path: Path, prefix: str = "tmp") -> Iterator[BufferedRandom]:
    """Write a new content for ``path``, which replaces it where the context ends normally.

    The content is synced to the disk; its folder, which must exist, is not. Until then it is
    in a file beside it, whose name begins with ``prefix``. Raises OSError.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=prefix, delete=False) as file:
        try:
            yield cast("BufferedRandom", file.file)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
