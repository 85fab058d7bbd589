"""Bugs of flowdeploy itself: the user gets a file to send, not a traceback to read."""

import os
import tempfile
import traceback

from flowdeploy.report import Bug


def save_traceback(bug: Bug) -> Bug:
    """Write the traceback to a file and name it in the bug's hint; returns ``bug``.

    Where no file can be written, the traceback is in the bug's details.
    """
    lines = traceback.format_exception(bug.__cause__)
    try:
        handle, name = tempfile.mkstemp(prefix="flowdeploy-", suffix=".traceback.txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(lines)
    except OSError:
        bug.details = tuple(lines)
        bug.hint = "This is a bug in flowdeploy; please report what is above."
        return bug
    bug.hint = f"This is a bug in flowdeploy. The traceback is in {name}; please report it."
    return bug
