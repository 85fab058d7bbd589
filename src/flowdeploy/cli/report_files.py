"""Writing reports: into the run's folder, into ``--report``, onto CI's summary page."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from flowdeploy.cli.notes import print_note
from flowdeploy.cli.session import HOME
from flowdeploy.clients.files import make_private_folder, open_private
from flowdeploy.display.summary import markdown
from flowdeploy.display.text import json_text
from flowdeploy.errors import UsageError
from flowdeploy.report import Report, report_json

SUMMARY = "GITHUB_STEP_SUMMARY"
REPORT = "report.json"


def ensure_folder(folder: Path, *, private: bool = False) -> Path:
    """Make the folder unless it exists; returns it. Raises UsageError where it cannot be made.

    If it is ``private``, other users of the machine may not look into it.
    """
    try:
        if private:
            make_private_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder {folder} cannot be made: {error.strerror}",
            hint="FLOWDEPLOY_HOME and --report name folders that can be written to.",
        ) from error
    return folder


def ensure_home(home: Path) -> Path:
    """Make the folder of runs unless it exists; returns it. Raises UsageError.

    Git ignores it, unless it is a folder that the user has for other things, too.
    """
    is_ours = home.name == HOME or not home.exists()
    ensure_folder(home, private=True)
    if is_ours:
        with suppress(OSError), open_private(home / ".gitignore", "xb") as ignore:
            ignore.write(b"*\n")
    return home


def write_report(report: Report, named: Path | None, run_folder: Path | None = None) -> None:
    """Write the report into the folders, and append it to CI's summary page if there is one.

    ``named`` is the user's folder, where the file has the mode that the user's files have. A
    file that cannot be written is a note: the outcome of the run stays what it is.
    """
    text = json_text(report_json(report)) + "\n"
    if run_folder:
        _write(run_folder / REPORT, text, open_private)
    if named:
        _write(named / REPORT, text, Path.open)
    if page := os.environ.get(SUMMARY):
        _write(Path(page), markdown(report), Path.open, "ab")


def _write(
    file: Path, text: str, opener: Callable[[Path, str], IO[bytes]], mode: str = "wb"
) -> None:
    try:
        with opener(file, mode) as stream:
            stream.write(text.encode(errors="backslashreplace"))
    except OSError as error:
        print_note(f"{file} cannot be written: {error.strerror}")
