"""Files here and in Cloud Storage, as values; importing this loads no client."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import cast

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
