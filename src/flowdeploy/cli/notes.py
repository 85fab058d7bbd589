"""Notes beside a command's result, on standard error."""

import os
import sys


def print_note(text: str) -> None:
    """Print ``text``, which may hold words from outside, on a line of its own."""
    from flowdeploy.display.terminal import console_on, say

    say(console_on(sys.stderr, os.environ), f"Note: {text}")
