"""The same look at many things, side by side."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Seen = TypeVar("Seen")


def map_unordered(
    look: Callable[[Item], Seen], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Seen]]:
    """Each item with what ``look`` makes of it, as they come in.

    What it raises ends the iteration, and what has not begun by then never does. The
    threads are no reason for a process to stay, as those of `concurrent.futures` are: a
    page that is asked for again and again would keep an interrupted run from ending.
    """
    waiting = list(items)
    count = len(waiting)
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    seen: queue.SimpleQueue[tuple[Item, Seen] | BaseException] = queue.SimpleQueue()
    for item in waiting:
        todo.put(item)
    for _ in range(min(workers, count)):
        threading.Thread(target=_work, args=(look, todo, seen), name="look", daemon=True).start()
    try:
        for _ in range(count):
            found = seen.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        while _next(todo):
            pass


def _work(
    look: Callable[[Item], Seen],
    todo: queue.SimpleQueue[Item],
    seen: queue.SimpleQueue[tuple[Item, Seen] | BaseException],
) -> None:
    while taken := _next(todo):
        try:
            seen.put((taken[0], look(taken[0])))
        except BaseException as error:  # told in the thread that asked
            seen.put(error)


def _next(todo: queue.SimpleQueue[Item]) -> tuple[Item] | None:
    try:
        return (todo.get_nowait(),)
    except queue.Empty:
        return None
