"""Google's services with one identity.

Each client is made when it is first used, and only then is its library loaded: a feature
branch with local records runs without Google's libraries and without credentials.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flowdeploy.endpoints import Endpoints

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

    from flowdeploy.clients.appengine import AppEngine
    from flowdeploy.clients.bucket_store import BucketStore
    from flowdeploy.clients.datastore import Datastore
    from flowdeploy.clients.failures import Retries
    from flowdeploy.clients.http import GoogleSession
    from flowdeploy.clients.scheduler import Scheduler
    from flowdeploy.clients.service_usage import ServiceUsage
    from flowdeploy.clients.storage import Buckets
    from flowdeploy.clients.tasks import Tasks
    from flowdeploy.config.values import BucketRecords


@dataclass
class GoogleClients:
    """The clients of one command. ``connections`` is how many calls may be under way at once.

    ``tell`` hears, from any thread, what all of them wait for.
    """

    endpoints: Endpoints
    connections: int
    tell: Callable[[str], object] = str  # which says nothing

    def authenticate(self) -> str:
        """The identity that all clients use, for people to read.

        Asks Google for it once. Call this before threads use the clients: a cached_property
        has no lock. Raises ServiceError where there are no usable credentials.
        """
        _ = self.engine
        return self._login[1]

    @cached_property
    def session(self) -> GoogleSession:
        """The session of all clients. Raises ServiceError where there are no usable credentials."""
        from flowdeploy.clients.http import GoogleSession

        connections = max(self.connections, 32)  # as history reads
        return GoogleSession(self._login[0], connections, self.retries)

    @cached_property
    def _login(self) -> tuple[Credentials, str]:
        from flowdeploy.clients.google_api import credentials_for

        return credentials_for(self.endpoints, self.retries)

    @cached_property
    def retries(self) -> Retries:
        """What repeats the reads and uploads of all clients."""
        from flowdeploy.clients.failures import Retries

        return Retries(lambda text: self.tell(text))  # noqa: PLW0108  (it may be set later)

    @cached_property
    def engine(self) -> AppEngine:
        from flowdeploy.clients.appengine import AppEngine

        return AppEngine(self.endpoints.api("appengine"), self.session)

    def records(self, place: BucketRecords) -> BucketStore:
        """The store of runs, releases and locks in a bucket."""
        from flowdeploy.clients.bucket_store import BucketStore

        return BucketStore(self.session, self.endpoints.api("storage"), place.bucket, place.prefix)

    @cached_property
    def buckets(self) -> Buckets:
        from flowdeploy.clients.storage import Buckets

        return Buckets(self.endpoints.api("storage"), self.session)

    @cached_property
    def tasks(self) -> Tasks:
        from flowdeploy.clients.tasks import Tasks

        return Tasks(self.endpoints.api("cloudtasks"), self.session)

    @cached_property
    def scheduler(self) -> Scheduler:
        from flowdeploy.clients.scheduler import Scheduler

        return Scheduler(self.endpoints.api("cloudscheduler"), self.session)

    @cached_property
    def datastore(self) -> Datastore:
        from flowdeploy.clients.datastore import Datastore

        return Datastore(self.endpoints.api("datastore"), self.session)

    @cached_property
    def service_usage(self) -> ServiceUsage:
        from flowdeploy.clients.service_usage import ServiceUsage

        return ServiceUsage(self.endpoints.api("serviceusage"), self.session)
