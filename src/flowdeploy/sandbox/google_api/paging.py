"""Paging of lists by AIP-158: ``pageSize`` and ``pageToken`` in, ``nextPageToken`` out."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from flowdeploy.sandbox.google_api.errors import invalid_argument

T = TypeVar("T")


def take_page(
    items: Sequence[T], query: Mapping[str, str], key: Callable[[T], str], *, most: int = 100
) -> tuple[Sequence[T], str | None]:
    """One page of items that are sorted by ``key``, and the token of the next page.

    A token holds the last key of the page before, so items that are added or removed
    meanwhile shift nothing. Raises ApiError INVALID_ARGUMENT for a bad size or token.
    """
    after = _decode_token(query["pageToken"]) if query.get("pageToken") else None
    rest = items if after is None else [item for item in items if key(item) > after]
    chosen = rest[: _page_size(query, most)]
    more = len(chosen) < len(rest)
    return chosen, _encode_token(key(chosen[-1])) if more else None


def _page_size(query: Mapping[str, str], most: int) -> int:
    text = query.get("pageSize") or query.get("maxResults") or "0"
    if not text.isascii() or not text.isdigit():
        raise invalid_argument(
            f"Invalid value at 'page_size' (TYPE_INT32), \"{text}\"", "page_size"
        )
    return min(int(text[:9]), most) or most


def _encode_token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decode_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid_argument("The page token is not valid.", "page_token") from None
