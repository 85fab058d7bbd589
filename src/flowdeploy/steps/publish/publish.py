"""Publishes the library, one publish of an artifact at a time.

Two publishes of one artifact that interleave can lose one of the two versions, so a publish
holds a lock: a lease among the records.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from flowdeploy.clients.maven_repository import Patience, RepositoryClient
from flowdeploy.clients.repository import Repository
from flowdeploy.endpoints import Endpoints
from flowdeploy.maven.clojars_rules import api_of
from flowdeploy.maven.coordinates import Coordinates
from flowdeploy.planning.plan import Publish
from flowdeploy.records.locks import Holder, Lease, acquire_lease, hold_lease
from flowdeploy.records.store import ObjectStore
from flowdeploy.report import Outcome
from flowdeploy.rollout.contract import Done, Notify, Running
from flowdeploy.steps.context import Context
from flowdeploy.steps.publish import clojars, maven
from flowdeploy.steps.publish.library import Library, LibraryRelease, check_library
from flowdeploy.steps.publish.read_back import PublishResult

LONGEST_WAIT = 600.0  # seconds for other publishes to end


@dataclass(frozen=True, slots=True)
class LibraryPublisher:
    """Publishes a run's library.

    ``configured`` is the repository's address in the configuration; ``store`` has the lock.
    """

    context: Context
    configured: str
    store: ObjectStore

    def check(self, library: Library, step: Publish) -> LibraryRelease:
        """Make all checks that need no network. Raises Refused with every problem."""
        return check_library(library, str(step.version), self._repository)

    def publish(self, library: Library, step: Publish, notify: Notify) -> Running:
        """Publish the library, once the lock is free.

        Raises Refused where a check fails; LockHeld where another publish holds the lock for
        ten minutes, or has taken it over; ServiceError where the repository fails.
        """
        context = self.context
        holder = Holder.here(context.run, context.user, context.command)
        release = self.check(library, step)
        with publish_lock(self.store, release.coordinates, holder, notify) as ensure_lock:

            def progress(text: str) -> None:
                ensure_lock()  # called between any two requests that change something
                notify(text)

            result = publish_library(release, self._repository, progress)
        yield from ()
        outcome = Outcome.UNCHANGED if result.unchanged else Outcome.DONE
        # The public address, also when the sandbox stands in for the repository.
        url = self.configured + result.url.removeprefix(self._repository.url)
        return Done(outcome, url=url, notes=result.warnings)

    @property
    def _repository(self) -> Repository:
        return library_repository(self.configured, self.context.clients.endpoints)


def publish_library(
    release: LibraryRelease,
    repository: Repository,
    progress: Callable[[str], None],
    patience: Patience = Patience(),  # noqa: B008 (frozen)
) -> PublishResult:
    """Publish a release and read it back; files that are there already are not sent.

    The version names the commit that it is built from, so files with other bytes are of
    another build of this commit, and stay. ``progress`` gets a line for each thing done, and
    may raise to end the publish between two requests.

    Raises ServiceError where the repository fails.
    """
    publish = clojars.publish if repository.api else maven.publish
    with closing(RepositoryClient(repository, patience, progress)) as client:
        return publish(client, release)


@contextmanager
def publish_lock(
    store: ObjectStore,
    coordinates: Coordinates,
    holder: Holder,
    notify: Notify,
    wait: float = LONGEST_WAIT,
) -> Iterator[Callable[[], None]]:
    """Hold the lock of an artifact; wait up to ``wait`` seconds for it.

    Yields a function that raises LockHeld once the lock is lost. Raises LockHeld,
    naming the holder, where the lock is not free in time, and ServiceError.
    """
    lease = Lease(store, f"library/{coordinates}/lock", holder)
    acquire_lease(lease, wait, notify)
    with hold_lease(lease):
        yield lease.ensure


def library_repository(configured: str, endpoints: Endpoints) -> Repository:
    """The repository to publish to: the configured one, unless the endpoints replace it."""
    url = endpoints.library or configured.rstrip("/")
    account = endpoints.account
    return Repository(
        url,
        endpoints.library_api or api_of(url),
        account.user if account else "",
        account.token if account else "",
    )
