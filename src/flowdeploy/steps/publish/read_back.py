"""The result of a publish, by reading the files back from the repository."""

from dataclasses import dataclass

from flowdeploy.clients.maven_repository import RepositoryClient
from flowdeploy.clients.repository import Checksums, RepositoryFile
from flowdeploy.errors import ServiceError
from flowdeploy.maven.metadata import Metadata, parse
from flowdeploy.steps.publish.library import LibraryRelease


@dataclass(frozen=True, slots=True)
class PublishResult:
    """``unchanged`` is whether nothing had to be sent; ``url`` is the jar's address."""

    unchanged: bool
    url: str
    warnings: tuple[str, ...] = ()


def read_back(client: RepositoryClient, release: LibraryRelease) -> tuple[str, ...]:
    """A sentence for each file with other bytes in the repository than here.

    Raises ServiceError where a file does not become visible.
    """
    stored = ((file, _await_file(client, file)) for file in release.files)
    return tuple(
        f"{file.name} in the repository is from another build: "
        f"SHA-256 {there.sha256} there, {file.checksums.sha256} here"
        for file, there in stored
        if there.sha256 != file.checksums.sha256
    )


def read_metadata(client: RepositoryClient, release: LibraryRelease) -> Metadata | None:
    """None where there is none yet. Raises ServiceError where it cannot be parsed."""
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
            hint="Its owner must repair it before a version can be added.",
        ) from error


def is_listed(client: RepositoryClient, release: LibraryRelease) -> bool:
    """Wait until the metadata lists the version; False where it does not in time."""

    def find_listing() -> Metadata | None:
        metadata = read_metadata(client, release)
        return metadata if metadata and release.version in metadata.versions else None

    return client.look_for("the version", find_listing) is not None


def not_visible(url: str) -> ServiceError:
    return ServiceError(
        "NOT_VISIBLE",
        f"the library is published, but {url} is not visible yet",
        hint="A cache may report it as missing for up to a day. "
        "Run the same command again: nothing is sent twice.",
    )


def _await_file(client: RepositoryClient, file: RepositoryFile) -> Checksums:
    found = client.look_for(file.name, lambda: client.checksums(file.path))
    if found is None:
        raise not_visible(client.repository.address(file.path))
    return found
