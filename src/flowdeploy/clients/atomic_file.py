"""Writes files atomically: a reader sees the old content or the new, never a part."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path
from typing import cast


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
