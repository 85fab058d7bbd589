"""``flowdeploy`` and ``python -m flowdeploy``."""

import os
import sys

from flowdeploy.cli import main as cli
from flowdeploy.cli.main import Interrupted


def main() -> None:
    """Run the command line; once interrupted, wait for nobody.

    Python joins the threads of its pools before it ends, and theirs may be
    requests that nobody answers, or uploads that nobody wants any more.
    """
    try:
        cli.main()
    except SystemExit as end:
        if end.code != Interrupted.exit_code:
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(Interrupted.exit_code)


if __name__ == "__main__":
    main()
