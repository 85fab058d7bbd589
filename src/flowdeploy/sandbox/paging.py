"""Pages of a list, by Google's convention (AIP-158): ``pageSize`` in, ``nextPageToken`` out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from flowdeploy.sandbox.errors import invalid

T = TypeVar("T")


def page(
    items: Sequence[T], query: Mapping[str, str], key: Callable[[T], str], *, most: int = 100
) -> tuple[Sequence[T], str | None]:
    """One page of items that are sorted by ``key``, and the token of the next.

    A page begins after the key that its token names, so what is added or removed
    meanwhile shifts nothing. Raises ApiError for a bad size or token.
    """
    after = _key_of(query["pageToken"]) if query.get("pageToken") else None
    rest = items if after is None else [item for item in items if key(item) > after]
    chosen = rest[: _size(query, most)]
    more = len(chosen) < len(rest)
    return chosen, _token_of(key(chosen[-1])) if more else None


def _size(query: Mapping[str, str], most: int) -> int:
    text = query.get("pageSize") or query.get("maxResults") or "0"
    if not text.isascii() or not text.isdigit():
        raise invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{text}\"", "page_size")
    return min(int(text[:9]), most) or most


def _token_of(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _key_of(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("The page token is not valid.", "page_token") from None
