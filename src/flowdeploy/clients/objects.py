"""Objects of Cloud Storage, named without loading its client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowdeploy.errors import FlowdeployError


@dataclass(frozen=True, slots=True)
class BucketFolder:
    """A bucket that has files, and what stands before their SHA-1 in the objects' names."""

    bucket: str
    prefix: str = ""


def file_changed(path: Path, reason: str) -> FlowdeployError:
    """For a file that was fine when the run began, and is not when its bytes are needed."""
    return FlowdeployError(
        f"{path} cannot be deployed as it was when the run began: {reason}",
        hint="Let nothing write into the staged folder during a run, and run it again.",
    )
