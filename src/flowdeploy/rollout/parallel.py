"""Call a function for many items in parallel."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
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
    todo = deque(items)
    results: queue.SimpleQueue[tuple[Item, Value] | BaseException] = queue.SimpleQueue()
    count = len(todo)

    def work() -> None:
        for item in _take_all(todo):
            try:
                results.put((item, call(item)))
            except BaseException as error:  # raised in the thread that iterates
                results.put(error)

    _start_threads(work, min(workers, count))
    try:
        for _ in range(count):
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        todo.clear()


def _start_threads(work: Callable[[], None], count: int) -> None:
    """Fewer, where the machine gives no more. Raises RuntimeError where it gives none."""
    for started in range(count):
        try:
            threading.Thread(target=work, daemon=True).start()
        except RuntimeError:
            if not started:
                raise
            return


def _take_all(todo: deque[Item]) -> Iterator[Item]:
    """Take items until none is left; several threads may take."""
    with suppress(IndexError):
        while True:
            yield todo.popleft()
