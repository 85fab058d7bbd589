"""Publishes a library to a Maven repository that stores each file as it is uploaded.

There is no staging and no cache of missing files, so each file is requested first and
uploaded only where it is missing. An interrupted publish is completed by the next one.
"""

from datetime import UTC, datetime

from flowdeploy.clients.maven_repository import Rejected, RepositoryClient
from flowdeploy.clients.repository import Checksums, RepositoryFile, checksum_files
from flowdeploy.maven.metadata import Metadata
from flowdeploy.steps.publish.library import LibraryRelease
from flowdeploy.steps.publish.read_back import (
    PublishResult,
    is_listed,
    not_visible,
    read_back,
    read_metadata,
)


def publish(client: RepositoryClient, release: LibraryRelease) -> PublishResult:
    """Upload the missing files and read all of them back.

    Raises as `publish.publish_library`.
    """
    stored = [(file, client.checksums(file.path)) for file in release.files]
    completed = [_complete(client, file, there) for file, there in stored]
    completed.append(_complete_metadata(client, release))
    differing = read_back(client, release)
    if not is_listed(client, release):
        raise not_visible(client.repository.address(release.coordinates.metadata))
    url = client.repository.address(release.files[0].path)
    return PublishResult(unchanged=not any(completed), url=url, warnings=differing)


def _complete(client: RepositoryClient, file: RepositoryFile, there: Checksums | None) -> bool:
    """Upload the file and its checksum files as needed; whether anything was missing.

    Where the file exists already, the checksums are those of the existing file.
    """
    if there is None:
        _send(client, file)
    completed = _complete_checksums(client, file.path, there or file.checksums)
    return there is None or completed


def _complete_metadata(client: RepositoryClient, release: LibraryRelease) -> bool:
    """Add the version to the metadata as needed; whether anything was missing."""
    path = release.coordinates.metadata
    metadata = read_metadata(client, release) or Metadata(release.coordinates)
    listed = release.version in metadata.versions
    if not listed:
        metadata = metadata.with_release(release.version, datetime.now(UTC))
        _send(client, RepositoryFile.of(path, metadata.to_xml()))
    there = client.checksums(path)
    completed = there is not None and _complete_checksums(client, path, there)
    return not listed or completed


def _complete_checksums(client: RepositoryClient, path: str, checksums: Checksums) -> bool:
    missing = [
        file
        for file in checksum_files(path, checksums)
        if _first_word(client.read(client.repository.address(file.path))) != file.content
    ]
    for file in missing:
        client.put(file)
    return bool(missing)


def _first_word(text: bytes | None) -> bytes:
    """The digest in a checksum file; some repositories add the file's name."""
    return (text or b"").partition(b" ")[0].strip()


def _send(client: RepositoryClient, file: RepositoryFile) -> None:
    try:
        client.put(file)
    except Rejected:
        # An earlier attempt may have succeeded with its answer lost.
        if client.checksums(file.path) != file.checksums:
            raise
    client.say(f"sent {file}")
