"""Publishing a library: check, look, send, publish, read back.

On Clojars a file that is sent is staged, under one token, and the PUT of the artifact's
maven-metadata.xml publishes what is staged. Neither answer can be taken at its word:
403 may mean that a file is staged already, 201 that metadata published nothing. So
the API is asked before and after, and the files are read back at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from flowdeploy.clients.maven_repository import Patience, Rejected, RepositoryClient, Unanswered
from flowdeploy.clients.repository import Repository, RepositoryFile, checksum_files
from flowdeploy.errors import ServiceError
from flowdeploy.maven import clojars_rules
from flowdeploy.maven.metadata import Metadata
from flowdeploy.steps.publish import maven
from flowdeploy.steps.publish.library import Library, LibraryRelease, check_library
from flowdeploy.steps.publish.read_back import (
    PublishResult,
    is_listed,
    not_visible,
    read_back,
    read_metadata,
    require_same_bytes,
)


def publish(
    library: Library,
    version: str,
    repository: Repository,
    *,
    commit_in_version: bool,
    progress: Callable[[str], None],
    patience: Patience = Patience(),  # noqa: B008 (frozen)
) -> PublishResult:
    """Have ``version`` in the repository, verified, sending what is not there yet.

    ``commit_in_version``: the version names the commit that it is built from, so one
    that is published was published from this commit. ``progress`` hears one line
    for each thing done, and may raise to end the publish between two requests.

    Raises Refused where a check says no, or where other bytes are published and the
    version names no commit; ServiceError where the repository does not do its part.
    """
    release = check_library(library, version, repository)
    with RepositoryClient(repository, patience, progress) as client:
        if repository.api is None:
            return maven.publish(client, release, commit_in_version=commit_in_version)
        return _ClojarsPublish(client, repository.api, release).publish(
            commit_in_version=commit_in_version
        )


@dataclass(frozen=True, slots=True)
class _ClojarsPublish:
    """One release on its way. ``api`` is the address below which artifacts are asked for."""

    client: RepositoryClient
    api: str
    release: LibraryRelease

    def publish(self, *, commit_in_version: bool) -> PublishResult:
        """Before a version is published none of its files is asked for: the cache in
        front of the repository would remember for a day that it is missing."""
        url = self.client.repository.address(self.release.files[0].path)
        known = self._versions()
        if self.release.version in known:
            differing = read_back(self.client, self.release)
            require_same_bytes(self.release, differing, commit_in_version=commit_in_version)
            return PublishResult(True, url, (*differing, *self._listing_warnings()))
        fresh = self._stage()
        ours = self._announce(known)
        differing = read_back(self.client, self.release)
        if fresh and ours and differing:
            raise _files_differ(self.release, differing)
        require_same_bytes(self.release, differing, commit_in_version=commit_in_version)
        if not is_listed(self.client, self.release):
            raise not_visible(self.client.repository.address(self.release.coordinates.metadata))
        return PublishResult(False, url, differing)

    def _versions(self) -> tuple[str, ...]:
        """What the API says is published, the oldest first."""
        url = clojars_rules.artifact_address(self.api, self.release.coordinates)
        return self.client.published_versions(url)

    def _listing_warnings(self) -> Iterator[str]:
        if not is_listed(self.client, self.release):
            yield (
                f"maven-metadata.xml does not list {self.release}: clients that name the version "
                "find it, RELEASE and ranges do not, until the next version is published"
            )

    def _stage(self) -> bool:
        """Whether every file was taken now, and none was there from an earlier attempt."""
        fresh = True
        for file in self.release.files:
            parts = (file, *checksum_files(file.path, file.checksums))
            taken = [self._stage_file(part) for part in parts]
            self.client.say(f"sent {file}" if all(taken) else f"{file.name} was sent before")
            fresh = fresh and all(taken)
        return fresh

    def _stage_file(self, file: RepositoryFile) -> bool:
        try:
            self.client.put(file)
        except Rejected as error:
            if error.title != clojars_rules.STAGED_OR_PUBLISHED:
                raise
            return False
        return True

    def _announce(self, known: tuple[str, ...]) -> bool:
        """Send the metadata until the API knows the version: other bytes each time, for
        Clojars does nothing with bytes that it has seen. False where another token was
        quicker to publish it."""
        metadata = self._metadata(known)
        for wait in (*self.client.patience.waits(self.client.patience.attempts), 0.0):
            metadata = metadata.with_release(self.release.version, datetime.now(UTC))
            file = RepositoryFile.of(self.release.coordinates.metadata, metadata.to_xml())
            refusal = self._put_metadata(file)
            if self.release.version in self._versions():
                for checksum in checksum_files(file.path, file.checksums):
                    self.client.put(checksum)
                self.client.say(f"published {self.release}")
                return not isinstance(refusal, Rejected)
            time.sleep(wait)
        raise refusal or _not_published(self.release)

    def _metadata(self, known: tuple[str, ...]) -> Metadata:
        """As it is, and with every version that the API knows: the repository's copy may
        be an old one. An artifact that the API does not know has none to ask for."""
        lying = read_metadata(self.client, self.release) if known else None
        return (lying or Metadata(self.release.coordinates)).with_versions(known)

    def _put_metadata(self, file: RepositoryFile) -> ServiceError | None:
        """What was said instead of 201, where it does not tell whether the version is out."""
        try:
            self.client.put_once(file)
        except Unanswered as error:
            return error
        except Rejected as error:
            if error.title != clojars_rules.STAGED_OR_PUBLISHED:
                raise
            return error
        return None


def _not_published(release: LibraryRelease) -> ServiceError:
    return ServiceError(
        "NOT_PUBLISHED",
        f"Clojars took everything and did not publish {release}",
        hint="Another version of it, staged later under this token, stands in the way: "
        "use another token, or run it again in three days.",
    )


def _files_differ(release: LibraryRelease, differing: tuple[str, ...]) -> ServiceError:
    return ServiceError(
        "VERIFICATION_FAILED",
        f"what lies in the repository as {release} is not what was sent",
        details=differing,
        hint="Publish another version, and tell the repository's operators.",
    )
