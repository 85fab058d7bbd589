"""Publishing the library, one publish at a time.

Two publishes of one artifact that interleave can lose one of the two versions,
so there is a lock: a lease among the records, or a locked file where the
records are local.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdeploy.clients.repository import Repository
from flowdeploy.endpoints import Endpoints
from flowdeploy.maven.clojars_rules import api_of
from flowdeploy.planning.plan import Publish
from flowdeploy.records.lease import Holder, Lease, acquire_lease, hold_lease
from flowdeploy.records.store import ObjectStore
from flowdeploy.report import Outcome
from flowdeploy.rollout import Done, Notify, Running
from flowdeploy.steps.context import Context
from flowdeploy.steps.publish import clojars
from flowdeploy.steps.publish import library as local

LONGEST_WAIT = 600.0  # seconds for other publishes to end


@dataclass(frozen=True, slots=True)
class LibraryPublisher:
    """The library of a run, where it goes, and where its lock is; no store: on this machine."""

    context: Context
    configured: str
    store: ObjectStore | None = None

    def check(self, files: local.Library, step: Publish) -> local.LibraryRelease:
        """Everything that can be known before the first byte. Raises Refused."""
        return local.check_library(files, str(step.version), self._repository)

    def publish(self, files: local.Library, step: Publish, notify: Notify) -> Running:
        with self._alone(files, step, notify) as require:

            def progress(text: str) -> None:
                require()  # called between any two requests that change something
                notify(text)

            published = clojars.publish(
                files,
                str(step.version),
                self._repository,
                commit_in_version=True,
                progress=progress,
            )
        yield from ()
        outcome = Outcome.UNCHANGED if published.unchanged else Outcome.DONE
        # Where the library is for everybody, also when the sandbox stands in.
        url = self.configured + published.url.removeprefix(self._repository.url)
        return Done(outcome, url=url, notes=published.warnings)

    @property
    def _repository(self) -> Repository:
        return library_repository(self.configured, self.context.clients.endpoints)

    @contextmanager
    def _alone(
        self, files: local.Library, step: Publish, notify: Notify
    ) -> Iterator[Callable[[], None]]:
        """No other publish meanwhile. What is yielded raises LockHeld once that is not sure."""
        if self.store is None:
            with locked(self.context.home / "library.lock", notify):
                yield lambda: None
            return
        name = f"library/{self.check(files, step).coordinates}/lock"
        lease = Lease(self.store, name, _holder(self.context))
        acquire_lease(lease, LONGEST_WAIT, notify)
        with hold_lease(lease):
            yield lease.require


def library_repository(configured: str, endpoints: Endpoints) -> Repository:
    """Where the library goes: as configured, unless the endpoints say otherwise."""
    url = endpoints.library or configured.rstrip("/")
    account = endpoints.account
    return Repository(
        url,
        endpoints.library_api or api_of(url),
        account.user if account else "",
        account.token if account else "",
    )


@contextmanager
def locked(path: Path, notify: Notify) -> Iterator[None]:
    """The file's lock, once whoever has it on this machine is done."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            notify("waiting for another publish to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _holder(context: Context) -> Holder:
    return Holder.here(context.run, context.user, context.command)
