"""Which programs a build's commands need and this machine lacks, before any of them runs.

Shell is not parsed here, only read as far as it is plain. A tool that is named
is certainly missing; one that is not named may be missing all the same.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

# Quoted and escaped text, file descriptors: they hold no commands, but could hold operators.
_OPAQUE = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[0-9]*[<>]&[0-9-]*|&>>?|>\|""", re.DOTALL)
# Heredocs, arithmetic, comments, alternatives, another PATH, quotes that do not end.
_UNTELLABLE = re.compile(r"""<<|\(\(|(?:^|\s)\#|\|\||\bPATH=|['"]""")
_OPERATOR = re.compile(r"&&|[;&|()\n`]")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=\S*$")
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+/-]*$")
_INSTALLS = re.compile(r"\b(?:install|add|enable|setup|activate)\b")

# What decides whether or how the rest runs, or gives it new commands.
_CONTROL = re.compile(
    r"if|then|elif|else|fi|for|while|until|do|done|case|esac|in|function|select|coproc|[{}!.]|\[\[?"
    r"|test|which|command|type|hash|source|eval|alias|set|trap|time"
)
_BUILTIN = re.compile(
    r":|break|cd|continue|echo|exec|exit|export|false|getopts|kill|local|popd|printf|pushd|pwd|read"
    r"|readonly|return|shift|times|true|ulimit|umask|unalias|unset|wait"
)


def missing_tools(
    commands: Sequence[str], directory: Path, search_path: str | None
) -> tuple[str, ...]:
    """The programs that ``commands`` begin with and that are certainly not there.

    Names are looked up in ``search_path`` (a PATH), up to the first command that
    may install others. A path is looked up, from ``directory``, only where
    nothing can have made it yet: as the first word of all.
    """
    missing: dict[str, None] = {}
    for index, (program, words) in enumerate(_programs(commands)):
        if "/" in program:
            if index == 0 and not (directory / program).exists():
                missing[program] = None
        elif not _BUILTIN.fullmatch(program) and not shutil.which(program, path=search_path):
            missing[program] = None
        if _INSTALLS.search(words):
            break
    return tuple(missing)


def _programs(commands: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The program of each simple command, and all of its words, in order."""
    for command in commands:
        masked = _OPAQUE.sub(lambda quoted: "$" if quoted[0][0] in "'\"\\" else "", command)
        simple = [words for words in _OPERATOR.split(masked) if words.strip()]
        programs = [_program(words) for words in simple]
        if not _UNTELLABLE.search(masked) and not any(map(_CONTROL.fullmatch, programs)):
            yield from (pair for pair in zip(programs, simple, strict=True) if _NAME.match(pair[0]))


def _program(words: str) -> str:
    """The first word that is no assignment, or nothing."""
    return next((word for word in words.split() if not _ASSIGNMENT.match(word)), "")
