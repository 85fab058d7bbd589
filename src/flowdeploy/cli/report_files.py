"""Writing reports: into the run's folder, into ``--report``, onto CI's summary page."""

import os
from collections.abc import Iterable
from pathlib import Path

from flowdeploy.cli.notes import print_note
from flowdeploy.display.summary import markdown
from flowdeploy.display.text import json_text
from flowdeploy.errors import UsageError
from flowdeploy.report import Report, report_json

SUMMARY = "GITHUB_STEP_SUMMARY"


def ensure_folder(folder: Path) -> Path:
    """Make the folder unless it exists; returns it. Raises UsageError where it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the folder {folder} cannot be made: {error.strerror}",
            hint="FLOWDEPLOY_HOME and --report name folders that can be written to.",
        ) from error
    return folder


def write_report(report: Report, folders: Iterable[Path]) -> None:
    """Write the report into each of ``folders``, and append it to CI's summary page if any.

    A file that cannot be written is a note: the outcome of the run stays what it is.
    """
    text = json_text(report_json(report)) + "\n"
    for folder in folders:
        _write(folder / "report.json", text, "w")
    if page := os.environ.get(SUMMARY):
        _write(Path(page), markdown(report), "a")


def _write(file: Path, text: str, mode: str) -> None:
    try:
        with file.open(mode, encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        print_note(f"{file} cannot be written: {error.strerror}")
