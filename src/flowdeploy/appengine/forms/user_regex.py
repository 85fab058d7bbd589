"""Regular expressions that users write: they mean what they mean to Python, and end.

Python's own matcher tries every way to divide a text among repetitions: ``^(a+)+$`` takes
years for forty letters, and nothing can stop it. The library `regex` stops after a time, but
takes ten times as long for a match, so it gets only what may need long.
"""

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import regex

SECONDS = 1.0  # for one match
_FEW_STEPS = 10_000_000  # Python's matcher takes them in a tenth of a second
_MOST_COPIES = 10_000  # of a part that is repeated by a number; `regex` writes them out
_TOKEN = re.compile(
    r"""\\. | (?P<set>\[\^?\]?(?:\\.|[^]\\])*\]) | (?P<any>\{,\}) | \{(\d+(,\d*)?|,\d+)\}
    | (?P<brace>\{) | .""",
    re.DOTALL | re.VERBOSE,
)


@contextmanager
def ignore_syntax_warnings() -> Iterator[None]:
    """Python warns of ``[[:alpha:]]``, which is valid in App Engine's expressions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


@dataclass(frozen=True, slots=True)
class UserRegex:
    """An expression; `compile_regex` makes it. ``longest`` is the longest text that Python's
    matcher gets."""

    plain: re.Pattern[str]
    longest: float

    def match_end(self, text: str) -> int | None:
        """Where the match at the begin of a text ends; None without one.

        Raises TimeoutError where that is not found in time.
        """
        if len(text) <= self.longest:
            found = self.plain.match(text)
            return found.end() if found else None
        stopped = _compile_stoppable(self.plain.pattern).match(text, timeout=SECONDS)
        return stopped.end() if stopped else None


def compile_regex(text: str) -> UserRegex:
    """Compile a regular expression. Raises ValueError, which says what is wrong with it."""
    copies = math.prod(max(1, int(count[:9])) for count in re.findall(r"\{([0-9]+)", text))
    if copies > _MOST_COPIES:
        raise ValueError("it repeats a part too often")
    try:
        with ignore_syntax_warnings():
            return UserRegex(re.compile(text), _longest(text))
    except (re.error, OverflowError) as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("its groups are nested too deep") from error


def _longest(text: str) -> float:
    """The longest text that Python's matcher surely ends with soon.

    Each repetition may begin and end at any character, and each ``?`` or ``|`` doubles the
    ways; a repetition of repetitions has no limit.
    """
    if re.search(r"\)[*+{]", text):
        return 0
    loops = len(re.findall(r"[*+{]", text))
    choices = len(re.findall(r"[^(]\?|\|", text))
    return float((_FEW_STEPS / 2.0 ** min(choices, 100)) ** (1 / max(loops, 1)))


@lru_cache(1000)
def _compile_stoppable(text: str) -> regex.Pattern[str]:
    with ignore_syntax_warnings():
        return regex.compile(_to_syntax_of_library(text))


def _to_syntax_of_library(text: str) -> str:
    """The expression for `regex`, which also knows ``[[:alpha:]]`` and ``x{e<=1}``."""

    def write(token: re.Match[str]) -> str:
        if token["set"]:
            return "[" + re.sub(r"(\\.)|\[", lambda m: m[1] or r"\[", token["set"][1:])
        return "*" if token["any"] else r"\{" if token["brace"] else token[0]

    return _TOKEN.sub(write, text)
