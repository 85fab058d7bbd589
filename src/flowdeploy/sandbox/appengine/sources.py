"""The source files of a version: they must be in Cloud Storage, complete and undamaged."""

import io
import re
import sqlite3
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from flowdeploy.sandbox.appengine.rules import MAX_FILE_BYTES, MAX_FILES
from flowdeploy.sandbox.blobs import Blobs
from flowdeploy.sandbox.google_api.errors import ApiError
from flowdeploy.sandbox.storage import content
from flowdeploy.sandbox.storage.content import BlobPart, PartsFile

MAX_PROBLEMS = 20

_URL = re.compile(r"https?://(?:storage\.googleapis\.com|storage\.cloud\.google\.com)/([^/]+)/(.+)")


@dataclass(frozen=True, slots=True)
class Sources:
    """The total size of a deployment's files in bytes, and the error if some are unusable."""

    size: int
    error: ApiError | None = None


def check(db: sqlite3.Connection, blobs: Blobs, deployment: Mapping[str, Any]) -> Sources:
    """Look up every file, or open the zip. The operation ends with the error, if any."""
    if "zip" in deployment:
        return _check_zip(db, blobs, deployment["zip"])
    return _check_files(db, blobs, deployment.get("files", {}))


@dataclass(frozen=True, slots=True)
class _SourceObject:
    """An object in Cloud Storage; ``sha1`` is None if the object was composed.

    ``packed`` holds its parts as text, which is parsed only when needed.
    """

    size: int
    sha1: str | None
    packed: str

    @property
    def parts(self) -> tuple[BlobPart, ...]:
        return content.parse_parts(self.packed)


def _check_files(
    db: sqlite3.Connection, blobs: Blobs, files: Mapping[str, Mapping[str, str]]
) -> Sources:
    problems = []
    size = 0
    for path, info in files.items():
        url = info.get("sourceUrl", "")
        found = _find_object(db, url)
        if found is None:
            problems.append(f"Error copying file from GCS: {url} (locally {path}).")
            continue
        size += found.size
        problem = _file_problem(found, info.get("sha1Sum"), blobs)
        if problem:
            problems.append(f"File {url} failed with: {problem}")
    return Sources(size, _copy_error(problems) if problems else None)


def _file_problem(found: _SourceObject, expected: str | None, blobs: Blobs) -> str | None:
    if found.size > MAX_FILE_BYTES:
        return f"File URL is too big ({found.size} bytes). Max file size is {MAX_FILE_BYTES} bytes."
    if expected is None:
        return None
    sha1 = found.sha1 or content.compute_sha1(blobs, found.parts)
    # Early API clients write the digest in groups: a_b_c_d_e.
    if expected.replace("_", "").lower() != sha1:
        return f"SHA1 mismatch (expected {expected}, found {sha1})."
    return None


def _copy_error(problems: list[str]) -> ApiError:
    head = "The following errors occurred while copying files to App Engine:"
    return ApiError("INVALID_ARGUMENT", "\n".join([head, *problems[:MAX_PROBLEMS]]))


def _find_object(db: sqlite3.Connection, url: str) -> _SourceObject | None:
    named = _URL.fullmatch(url)
    if named is None:
        return None
    row = db.execute(
        "SELECT size, sha1, parts FROM objects WHERE bucket = ? AND name = ?",
        (named[1], unquote(named[2])),
    ).fetchone()
    return _SourceObject(row["size"], row["sha1"], row["parts"]) if row else None


def _check_zip(db: sqlite3.Connection, blobs: Blobs, info: Mapping[str, Any]) -> Sources:
    url = info.get("sourceUrl", "")
    found = _find_object(db, url)
    if found is None:
        return Sources(0, _copy_error([f"Error copying file from GCS: {url}."]))
    problem = _zip_problem(PartsFile(blobs, found.parts), info.get("filesCount"))
    error = _copy_error([f"File {url} failed with: {problem}"]) if problem else None
    return Sources(found.size, error)


def _zip_problem(file: PartsFile, announced: int | None) -> str | None:
    """The problem of a zip archive, or None.

    `filesCount` must be at least the number of files (API reference, ZipInfo). The central
    directory and every local header are read, but the content is not unpacked.
    """
    try:
        with zipfile.ZipFile(io.BufferedReader(file)) as archive:
            entries = [each for each in archive.infolist() if not each.filename.endswith("/")]
            for entry in entries:
                archive.open(entry).close()
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        ValueError,
        struct.error,
    ) as error:
        return f"not a readable zip archive ({error})."
    return _entries_problem(entries, announced)


def _entries_problem(entries: list[zipfile.ZipInfo], announced: int | None) -> str | None:
    if announced and announced < len(entries):
        return f"it holds {len(entries)} files, and filesCount says {announced}."
    if len(entries) > MAX_FILES:
        return f"too many files; a version has at most {MAX_FILES}."
    for entry in entries:
        if not entry.filename:
            return "not a readable zip archive (an entry has no name)."
        if entry.filename.startswith("/") or ".." in entry.filename.split("/"):
            return f"the path {entry.filename} leads out of the archive."
        if entry.file_size > MAX_FILE_BYTES:
            return (
                f"{entry.filename} is too big ({entry.file_size} bytes). "
                f"Max file size is {MAX_FILE_BYTES} bytes."
            )
    return None
