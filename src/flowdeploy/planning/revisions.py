"""Revisions of a version: the same files with other settings, ``VERSION-r1``, ``VERSION-r2``, …

A revision counts as its version. No other version that flowdeploy makes ends like one: a tag
ends in a time, a build in the digits of a commit, which have no ``r``.
"""

import re
from collections.abc import Iterable

_REVISION = re.compile(r"(?P<base>.+)-r(?P<number>[1-9][0-9]*)", re.ASCII)


def base_of(version: str) -> str:
    """The version that ``version`` is a revision of; itself if it is none."""
    found = _REVISION.fullmatch(version)
    return found["base"] if found else version


def revision_number(version: str) -> int:
    """N of ``VERSION-rN``; 0 of other versions."""
    found = _REVISION.fullmatch(version)
    return int(found["number"]) if found else 0


def revision_id(base: str, number: int) -> str:
    return f"{base}-r{number}" if number else base


def revisions_of(version: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Of ``ids``, the version itself and its revisions; the newest first."""
    found = {each for each in ids if version in (each, base_of(each))}
    return tuple(sorted(found, key=lambda each: _number_of(each, version), reverse=True))


def next_revision(base: str, ids: Iterable[str]) -> str:
    """The revision of ``base`` after the newest of ``ids``."""
    newest = max((_number_of(each, base) for each in revisions_of(base, ids)), default=0)
    return revision_id(base, newest + 1)


def _number_of(version: str, base: str) -> int:
    """0 of the base itself, also if its own id ends like a revision's."""
    return 0 if version == base else revision_number(version)
