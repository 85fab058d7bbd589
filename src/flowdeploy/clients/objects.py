"""Values about Cloud Storage's objects; importing them loads no client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowdeploy.errors import FlowdeployError


@dataclass(frozen=True, slots=True)
class BucketFolder:
    """A bucket that holds files by their SHA-1, and the prefix of the objects' names."""

    bucket: str
    prefix: str = ""


def file_changed(path: Path, reason: str) -> FlowdeployError:
    """The error for a file that has changed since the run began."""
    return FlowdeployError(
        f"{path} cannot be deployed as it was when the run began: {reason}",
        hint="Let nothing write into the staged folder during a run, and run it again.",
    )
