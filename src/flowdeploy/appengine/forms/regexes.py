"""Compiles regular expressions of users without Python's warnings."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignore_syntax_warnings() -> Iterator[None]:
    """Python warns of ``[[:alpha:]]``, which is valid in App Engine's expressions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def compile_regex(text: str) -> re.Pattern[str]:
    """Compile a regular expression. Raises re.error or OverflowError."""
    with ignore_syntax_warnings():
        return re.compile(text)
