"""``flowdeploy`` and ``python -m flowdeploy``."""

import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

INTERRUPTED = 130


def main() -> None:
    """Run the command line; once interrupted, wait for nobody.

    Python joins the threads of its pools before it ends, and theirs may be
    requests that nobody answers, or uploads that nobody wants any more.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    # The command line imports for a moment, in which Ctrl-C would print a traceback.
    from flowdeploy.cli import main as cli

    try:
        cli.main()
    except KeyboardInterrupt:
        _leave()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _leave()
        raise


def _leave(*_: object) -> NoReturn:
    """End at once, with what has been printed."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
