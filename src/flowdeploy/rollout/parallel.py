"""Call a function for many items in parallel."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def map_in_threads(
    call: Callable[[Item], Value], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Value]]:
    """Each item with the result of ``call``, in the order in which the calls return.

    An exception of a call ends the iteration; calls that have not started by then never
    do. The threads are daemons, unlike those of `concurrent.futures`: a call that retries
    for long must not keep an interrupted process alive.
    """
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    results: queue.SimpleQueue[tuple[Item, Value] | BaseException] = queue.SimpleQueue()
    count = 0
    for item in items:
        todo.put(item)
        count += 1
    for _ in range(min(workers, count)):
        thread = threading.Thread(target=_work, args=(call, todo, results), daemon=True)
        thread.start()
    try:
        for _ in range(count):
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        while _next(todo):
            pass


def _work(
    call: Callable[[Item], Value],
    todo: queue.SimpleQueue[Item],
    results: queue.SimpleQueue[tuple[Item, Value] | BaseException],
) -> None:
    while item := _next(todo):
        try:
            results.put((item[0], call(item[0])))
        except BaseException as error:  # raised in the thread that iterates
            results.put(error)


def _next(todo: queue.SimpleQueue[Item]) -> tuple[Item] | None:
    """The next item, in a tuple because an item may be false; None if none is left."""
    try:
        return (todo.get_nowait(),)
    except queue.Empty:
        return None
