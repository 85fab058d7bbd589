"""What a person should know beside the result, on standard error."""

from __future__ import annotations

import os
import sys


def note(text: str) -> None:
    """Say ``text``, which may hold words from outside, in a line of its own."""
    from flowdeploy.display.terminal import console_on, say

    say(console_on(sys.stderr, os.environ), f"Note: {text}")
