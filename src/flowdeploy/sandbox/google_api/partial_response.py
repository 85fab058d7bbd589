"""Partial responses: ``fields=items(name,size),nextPageToken``.

Source: "Partial response" in the guides of Google's JSON APIs. Commas separate fields,
slashes or parentheses select nested fields, and ``*`` selects every field.
"""

import re
from typing import Any

from flowdeploy.sandbox.google_api.errors import invalid_argument

Tree = dict[str, "Tree"]

_TOKEN = re.compile(r"\s*([A-Za-z0-9_.*$@-]+|[(),/])\s*")
DEEPEST = 20


def select_fields(body: Any, mask: str | None) -> Any:
    """The fields of a JSON body that the mask selects. Raises ApiError for a malformed mask."""
    if not mask:
        return body
    return _pick(body, _MaskParser(mask).parse())


def _pick(value: Any, tree: Tree) -> Any:
    if not tree:
        return value
    if isinstance(value, list):
        return [_pick(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    rest = tree.get("*")
    return {
        key: _pick(item, tree.get(key, rest or {}))
        for key, item in value.items()
        if key in tree or rest is not None
    }


class _MaskParser:
    def __init__(self, mask: str) -> None:
        self._mask = mask
        self._tokens = self._split()

    def parse(self) -> Tree:
        tree = self._fields(0)
        if self._tokens:
            raise self._refusal()
        return tree

    def _split(self) -> list[str]:
        tokens, at = [], 0
        while at < len(self._mask):
            found = _TOKEN.match(self._mask, at)
            if found is None:
                raise self._refusal()
            tokens.append(found[1])
            at = found.end()
        return tokens[::-1]

    def _fields(self, depth: int) -> Tree:
        tree: Tree = {}
        while True:
            self._field(tree, depth)
            if not self._next_is(","):
                return tree

    def _field(self, tree: Tree, depth: int) -> None:
        if depth > DEEPEST or not self._tokens or self._tokens[-1] in "(),/":
            raise self._refusal()
        below = tree.setdefault(self._tokens.pop(), {})
        if self._next_is("/"):
            self._field(below, depth + 1)
        elif self._next_is("("):
            below.update(self._fields(depth + 1))
            if not self._next_is(")"):
                raise self._refusal()

    def _next_is(self, token: str) -> bool:
        if self._tokens and self._tokens[-1] == token:
            self._tokens.pop()
            return True
        return False

    def _refusal(self) -> Exception:
        return invalid_argument(f"Invalid field selection {self._mask}")
