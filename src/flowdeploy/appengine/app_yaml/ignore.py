"""Decides which files of a folder are not deployed.

Second-generation runtimes use ``.gcloudignore`` or their defaults; other runtimes use
``.gcloudignore``, ``skip_files`` or other defaults, in this order (gcloud 528,
``command_lib/app/source_files_util``).

``.gcloudignore`` has the syntax of ``.gitignore``, with gcloud's differences: ``a/b``
matches in any folder, ``*`` alone matches in the top folder only, and ``a/**`` matches
``a`` itself. A rule cannot include what is inside an ignored folder.
"""

import re
from collections.abc import Callable, Mapping

import pathspec

from flowdeploy.appengine.forms.user_regex import (
    UserRegex,
    compile_regex,
    ignore_syntax_warnings,
)
from flowdeploy.appengine.runtimes import default_ignore_rules, is_second_generation
from flowdeploy.errors import Refused

IGNORE_FILE = ".gcloudignore"
MOST_RULES = 1000

# Whether a path (with /) is ignored; the second argument is whether it is a folder.
# It is called for outer folders first, and not for anything in an ignored folder.
Ignored = Callable[[str, bool], bool]

_INCLUDE = re.compile(r"#\s*!include:(?P<name>.*)")
_SKIPPED_BY_DEFAULT = re.compile(
    r"""(.*/)?       # anywhere:
    (
        \#.*\#       # Emacs' autosaves
      | .*~          # backups
      | .*\.py[co]   # Python's bytecode
      | .*/RCS/.*    # old revisions
      | \..*         # dot files
      |              # nothing
    )$""",
    re.VERBOSE,
)


def parse_includes(text: str) -> tuple[str, ...]:
    """The names of the files that ``.gcloudignore`` includes by ``#!include:NAME``.

    Raises Refused for a name in another folder.
    """
    names = tuple(found["name"] for found in map(_INCLUDE.match, text.splitlines()) if found)
    far = [name for name in names if "/" in name]
    if far:
        raise Refused(
            f"{IGNORE_FILE} includes {', '.join(far)}, which lies in another folder",
            hint="Include files beside it only, or copy the rules.",
        )
    return names


def ignore_rules(runtime: str, skip_files: str | None, texts: Mapping[str, str]) -> Ignored:
    """The rules for a runtime; ``texts`` holds ``.gcloudignore``, if any, and its includes.

    Raises Refused if there are both ``skip_files`` and ``.gcloudignore``.
    """
    own = texts.get(IGNORE_FILE)
    if own is not None and skip_files is not None:
        raise Refused(
            f"app.yaml has skip_files and there is a {IGNORE_FILE} beside it",
            hint=f"Move the rules of skip_files into {IGNORE_FILE}.",
        )
    if own is not None:
        return _by_patterns(_lines(own, texts))
    if is_second_generation(runtime):
        return _by_patterns(default_ignore_rules(runtime))
    if skip_files is None:
        return lambda path, _is_folder: bool(_SKIPPED_BY_DEFAULT.match(path))
    skipped = compile_regex(skip_files)
    where = f"skip_files of app.yaml: {skip_files}"
    return lambda path, _is_folder: _match_end(skipped, path, where) is not None


def _lines(text: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """The lines of a file, with its includes in place; these cannot include others."""
    lines: list[str] = []
    for line in text.splitlines():
        found = _INCLUDE.match(line)
        lines += texts[found["name"]].splitlines() if found else [line]
    return tuple(lines)


def _by_patterns(lines: tuple[str, ...]) -> Ignored:
    """The last pattern that matches the path itself decides."""
    rules = [rule for line in lines for rule in _rules(line)]
    if len(rules) > MOST_RULES:
        raise Refused(
            f"{IGNORE_FILE} has {len(rules)} rules, more than the limit of {MOST_RULES}",
            hint="Write patterns in place of the names of single files.",
        )

    def is_ignored(path: str, is_folder: bool) -> bool:
        entry = f"{path}/" if is_folder else path
        for line, ignores, pattern in reversed(rules):
            # A match that ends early is a match of an outer folder.
            if _match_end(pattern, entry, f"{IGNORE_FILE}: {line}") == len(entry):
                return ignores
        return False

    return is_ignored


def _match_end(pattern: UserRegex, path: str, where: str) -> int | None:
    try:
        return pattern.match_end(path)
    except TimeoutError as error:
        raise Refused(
            f"{where}: it takes too long to see whether this matches {path}",
            hint="Write it with fewer repetitions, above all of what is repeated itself.",
        ) from error


def _rules(line: str) -> list[tuple[str, bool, UserRegex]]:
    """A line, whether it ignores, and its patterns, which match from the begin of a path."""
    try:
        with ignore_syntax_warnings():
            patterns = pathspec.GitIgnoreSpec.from_lines(_to_gitignore(line)).patterns
        regexes = [(bool(each.include), each.regex) for each in patterns]
        return [(line, ignores, compile_regex(r.pattern)) for ignores, r in regexes if r]
    except (ValueError, re.error, RecursionError) as error:
        raise Refused(
            f"{IGNORE_FILE} has a rule that means nothing: {line}",
            hint="Remove the rule, or correct it; the syntax is that of .gitignore.",
        ) from error


def _to_gitignore(line: str) -> list[str]:
    """Translate a line of .gcloudignore to lines of .gitignore."""
    if line.startswith("#") or re.search(r"(?<!\\)(\\\\)*\\$", line):
        return []
    negation, pattern = ("!", line[1:]) if line.startswith("!") else ("", line)
    folder = "/" if pattern.endswith("/") else ""
    pattern = re.sub(r"(?<!\\) +$", "", pattern.removesuffix("/"))
    if not pattern.strip("/"):
        return []
    return [f"{negation}{'/'.join(parts)}{folder}" for parts in _readings(pattern.split("/"))]


def _readings(parts: list[str]) -> list[list[str]]:
    """The patterns that together match as in gcloud; ``?*`` is any name."""
    if "" in parts[1:]:  # nothing lies between two slashes
        return []
    if "**" in parts and set(parts) <= {"", "*", "**"} and "*" not in parts[:-1]:
        return [["?*"]]
    if parts == ["*"]:
        return [["", "?*"]]
    if parts[-1] == "**":
        folder = parts[:-1] if parts[0] == "" else ["", *parts[:-1]]
        return [folder, [*folder, "**", "?*"]]
    if parts[0] == "*":
        return [["", *parts[1:]], parts]
    if len(parts) > 1 and parts[0] and "**" not in parts:
        return [["**", *parts]]
    return [parts]
