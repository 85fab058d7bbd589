"""Mistakes of flowdeploy's own: the user gets a file to send, not a traceback to read."""

from __future__ import annotations

import os
import tempfile
import traceback

from flowdeploy.report import Bug


def kept(bug: Bug) -> Bug:
    """``bug`` with a hint that names the file in which its traceback now is."""
    handle, name = tempfile.mkstemp(prefix="flowdeploy-", suffix=".traceback.txt")
    with os.fdopen(handle, "w") as file:
        traceback.print_exception(bug.__cause__, file=file)
    bug.hint = (
        f"This is a mistake of flowdeploy's own. The traceback is in {name}; please report it."
    )
    return bug
