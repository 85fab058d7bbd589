"""The same look at many things, side by side."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Seen = TypeVar("Seen")


def together(
    look: Callable[[Item], Seen], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Seen]]:
    """Each item with what ``look`` makes of it, as they come in.

    What it raises ends the iteration, as a signal does, and what has not begun by then
    never does. What hangs keeps nobody from leaving: it dies with the process.
    """
    waiting = deque(items)
    answers: queue.SimpleQueue[tuple[Item, Seen | _Failed]] = queue.SimpleQueue()

    def work() -> None:
        while waiting:
            try:
                item = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            answers.put((item, _looked(look, item)))

    expected = len(waiting)
    for _ in range(min(workers, expected)):
        threading.Thread(target=work, name="look", daemon=True).start()
    try:
        for _ in range(expected):
            item, seen = answers.get()
            if isinstance(seen, _Failed):
                raise seen.error
            yield item, seen
    finally:
        waiting.clear()


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def _looked(look: Callable[[Item], Seen], item: Item) -> Seen | _Failed:
    try:
        return look(item)
    except BaseException as error:  # raised again where it is waited for
        return _Failed(error)
