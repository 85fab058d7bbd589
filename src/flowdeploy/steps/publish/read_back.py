"""What became of a publish, established by reading back what lies in the repository."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flowdeploy.clients.maven_repository import RepositoryClient
from flowdeploy.clients.repository import RepositoryFile
from flowdeploy.errors import Refused, ServiceError
from flowdeploy.maven.checksums import Checksums
from flowdeploy.maven.metadata import Metadata, parse
from flowdeploy.steps.publish.library import LibraryRelease


@dataclass(frozen=True, slots=True)
class PublishResult:
    """``unchanged`` where nothing had to be sent; ``url`` is that of the jar."""

    unchanged: bool
    url: str
    warnings: tuple[str, ...] = ()


def read_back(client: RepositoryClient, release: LibraryRelease) -> tuple[str, ...]:
    """How the files in the repository differ from ours, in the words of ``differences``.

    Raises ServiceError where a file does not appear.
    """
    return differences((file, _appearing(client, file)) for file in release.files)


def differences(files: Iterable[tuple[RepositoryFile, Checksums]]) -> tuple[str, ...]:
    """One sentence for each file that is another in the repository than here."""
    return tuple(
        f"{file.name} in the repository is of another build: "
        f"SHA-256 {there.sha256} there, {file.checksums.sha256} here"
        for file, there in files
        if there.sha256 != file.checksums.sha256
    )


def require_same_bytes(
    release: LibraryRelease, differing: tuple[str, ...], *, commit_in_version: bool
) -> None:
    """Raises Refused where other bytes have the version's name and its commit is not known."""
    if differing and not commit_in_version:
        raise Refused(
            f"{release} is published already, with other bytes",
            details=differing,
            hint="A published version cannot be replaced: publish another version.",
        )


def read_metadata(client: RepositoryClient, release: LibraryRelease) -> Metadata | None:
    """Raises ServiceError where the file is there and is no metadata."""
    url = client.repository.address(release.coordinates.metadata)
    data = client.read(url)
    if data is None:
        return None
    try:
        return parse(data, release.coordinates)
    except ValueError as error:
        raise ServiceError(
            "BAD_METADATA",
            f"{url} cannot be read: {error}",
            hint="Its owner must mend it before a version can be added.",
        ) from error


def is_listed(client: RepositoryClient, release: LibraryRelease) -> bool:
    """Whether the metadata comes to name the version, within the client's patience."""
    return client.look_for("the version", lambda: _listing(client, release)) is not None


def not_visible(url: str) -> ServiceError:
    return ServiceError(
        "NOT_VISIBLE",
        f"it is published, but {url} does not show it yet",
        hint="A cache may remember that it was missing, for a day at most. "
        "Run it again: nothing is sent twice.",
    )


def _appearing(client: RepositoryClient, file: RepositoryFile) -> Checksums:
    found = client.look_for(file.name, lambda: client.checksums(file.path))
    if found is None:
        raise not_visible(client.repository.address(file.path))
    return found


def _listing(client: RepositoryClient, release: LibraryRelease) -> Metadata | None:
    metadata = read_metadata(client, release)
    return metadata if metadata and release.version in metadata.versions else None
