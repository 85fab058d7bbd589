"""Publishes a library to Clojars: stage the files, publish them, read them back.

Clojars stages uploaded files under the token, and publishes them on the PUT of the
artifact's maven-metadata.xml. Neither status is reliable: 403 may mean that a file is
staged already, and 201 that the metadata published nothing. Therefore the API is asked
before and after, and the files are read back at the end.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from flowdeploy.clients.maven_repository import Rejected, RepositoryClient, Unanswered
from flowdeploy.clients.repository import RepositoryFile, checksum_files
from flowdeploy.errors import ServiceError
from flowdeploy.maven import clojars_rules
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
    """Publish a release to Clojars. Raises as `publish.publish_library`."""
    api = client.repository.api
    assert api is not None  # noqa: S101  (without one the repository is not Clojars)
    return _ClojarsPublish(client, api, release).publish()


@dataclass(frozen=True, slots=True)
class _ClojarsPublish:
    """The publish of one release. ``api`` is the base address of the artifacts' API."""

    client: RepositoryClient
    api: str
    release: LibraryRelease

    def publish(self) -> PublishResult:
        """See `publish`.

        No file of an unpublished version is requested: the cache in front of the
        repository would remember for a day that it is missing.
        """
        url = self.client.repository.address(self.release.files[0].path)
        known = self._versions()
        if self.release.version in known:
            differing = read_back(self.client, self.release)
            return PublishResult(True, url, (*differing, *self._listing_warnings()))
        fresh = self._stage()
        ours = self._publish_version(known)
        differing = read_back(self.client, self.release)
        if fresh and ours and differing:
            raise ServiceError(
                "VERIFICATION_FAILED",
                f"the files of {self.release} in the repository are not those that were sent",
                details=differing,
                hint="Publish another version, and tell the repository's operators.",
            )
        if not is_listed(self.client, self.release):
            raise not_visible(self.client.repository.address(self.release.coordinates.metadata))
        return PublishResult(False, url, differing)

    def _versions(self) -> tuple[str, ...]:
        """The published versions by the API, which is not cached; oldest first."""
        artifact = self.release.coordinates
        return self.client.published_versions(f"{self.api}/{artifact.group}/{artifact.artifact}")

    def _listing_warnings(self) -> Iterator[str]:
        if not is_listed(self.client, self.release):
            yield (
                f"maven-metadata.xml does not list {self.release}: clients that name the version "
                "find it; RELEASE and ranges do not, until the next version is published"
            )

    def _stage(self) -> bool:
        """Upload the files; whether all were accepted now, and none by an earlier attempt."""
        fresh = True
        for file in self.release.files:
            parts = (file, *checksum_files(file.path, file.checksums))
            accepted = [self._stage_file(part) for part in parts]
            self.client.say(f"sent {file}" if all(accepted) else f"{file.name} was sent before")
            fresh = fresh and all(accepted)
        return fresh

    def _stage_file(self, file: RepositoryFile) -> bool:
        try:
            self.client.put(file)
        except Rejected as error:
            if error.title != clojars_rules.STAGED_OR_PUBLISHED:
                raise
            return False
        return True

    def _publish_version(self, known: tuple[str, ...]) -> bool:
        """Send the metadata until the API lists the version.

        Clojars ignores metadata that it has seen before, so each attempt sends other bytes.
        False where another token published the version first.
        """
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
        raise refusal or ServiceError(
            "NOT_PUBLISHED",
            f"Clojars accepted all files but did not publish {self.release}",
            hint="Another version of it was staged later under this token and blocks this one: "
            "use another token, or run it again in three days.",
        )

    def _metadata(self, known: tuple[str, ...]) -> Metadata:
        """The repository's metadata with all versions of the API, for it may be outdated.

        Not requested for an artifact that the API does not list: it has none.
        """
        current = read_metadata(self.client, self.release) if known else None
        return (current or Metadata(self.release.coordinates)).with_versions(known)

    def _put_metadata(self, file: RepositoryFile) -> ServiceError | None:
        """Send the metadata once; the error, if it leaves open whether the version is published."""
        try:
            self.client.put_once(file)
        except Unanswered as error:
            return error
        except Rejected as error:
            if error.title != clojars_rules.STAGED_OR_PUBLISHED:
                raise
            return error
        return None
