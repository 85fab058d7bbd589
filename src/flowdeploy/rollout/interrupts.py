"""Turn a signal into a call, where a KeyboardInterrupt at any line would lose track of work."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def call_on_signal(call: Callable[[], None]) -> Iterator[None]:
    """Call ``call`` for the first signal; a second signal has its usual effect.

    A signal that the process ignores, such as SIGHUP under `nohup`, stays ignored. Does
    nothing outside the main thread, where Python allows no signal handlers.
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
        if number == signal.SIGHUP:  # a closing terminal sends it twice
            before[signal.SIGHUP] = signal.SIG_IGN
        restore()
        call()

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
