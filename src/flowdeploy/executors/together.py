"""The same look at many things, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Seen = TypeVar("Seen")


def together(
    look: Callable[[Item], Seen], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Seen]]:
    """Each item with what ``look`` makes of it, as they come in.

    What it raises ends the iteration, and what has not begun by then never does.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="look")
    try:
        looks = {pool.submit(look, item): item for item in items}
        for done in as_completed(looks):
            yield looks[done], done.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
