"""Signals as messages, where an exception out of the blue would lose track of work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def call_on_signal(post: Callable[[], None]) -> Iterator[None]:
    """While inside, the first signal calls ``post``; a second one acts as it did outside.

    Signals that are ignored, as `nohup` lets SIGHUP be, stay so. Outside the main
    thread, where Python takes no signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = ((number, signal.getsignal(number)) for number in SIGNALS)
    before = {number: handler for number, handler in handlers if handler is not signal.SIG_IGN}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, _: object) -> None:
        if number == signal.SIGHUP:  # a terminal that closes sends two: no sign of impatience
            before[signal.SIGHUP] = signal.SIG_IGN
        restore()
        post()

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
