"""Regular expressions that users wrote, compiled without Python's remarks about them."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignore_syntax_warnings() -> Iterator[None]:
    """Python warns of ``[[:alpha:]]``, which is right in the expressions of App Engine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def compile_regex(text: str) -> re.Pattern[str]:
    """Raises re.error or OverflowError for what is no regular expression."""
    with ignore_syntax_warnings():
        return re.compile(text)
