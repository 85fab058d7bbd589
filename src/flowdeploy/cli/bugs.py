"""Mistakes of flowdeploy's own: the user gets a file to send, not a traceback to read."""

from __future__ import annotations

import os
import tempfile
import traceback

from flowdeploy.report import Bug


def kept(bug: Bug) -> Bug:
    """``bug`` with a hint that names the file in which its traceback now is.

    Where no file can be written, the traceback is among its details.
    """
    lines = traceback.format_exception(bug.__cause__)
    try:
        handle, name = tempfile.mkstemp(prefix="flowdeploy-", suffix=".traceback.txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(lines)
    except OSError:
        bug.details = tuple(lines)
        bug.hint = "This is a mistake of flowdeploy's own; please report what is above."
        return bug
    bug.hint = (
        f"This is a mistake of flowdeploy's own. The traceback is in {name}; please report it."
    )
    return bug
