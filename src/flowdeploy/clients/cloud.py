"""Google's services with one identity, each connected when it is first used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from google.auth.credentials import Credentials

from flowdeploy.clients.api import authorized_session, credentials_for
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.clients.bucket_store import BucketStore
from flowdeploy.config import BucketRecords
from flowdeploy.endpoints import Endpoints

if TYPE_CHECKING:
    from flowdeploy.clients.datastore import Datastore
    from flowdeploy.clients.dispatch import Dispatch
    from flowdeploy.clients.scheduler import Scheduler
    from flowdeploy.clients.service_usage import ServiceUsage
    from flowdeploy.clients.storage import Buckets
    from flowdeploy.clients.tasks import Tasks


@dataclass
class GoogleClients:
    """``identity`` is who we are there, as a person would say it."""

    endpoints: Endpoints
    credentials: Credentials
    identity: str
    connections: int

    @classmethod
    def connect(cls, endpoints: Endpoints, connections: int) -> GoogleClients:
        """Raises ServiceError where there are no usable credentials."""
        credentials, identity = credentials_for(endpoints)
        return cls(endpoints, credentials, identity, connections)

    @cached_property
    def engine(self) -> AppEngine:
        return AppEngine(self.endpoints.appengine, self.credentials, self.connections)

    def records(self, place: BucketRecords) -> BucketStore:
        """Where runs and locks are remembered."""
        session = authorized_session(self.credentials, self.connections)
        return BucketStore(session, self.endpoints.storage, place.bucket, place.prefix)

    @cached_property
    def buckets(self) -> Buckets:
        # A promotion moves no files, and this library takes a while to load.
        from flowdeploy.clients.storage import Buckets

        return Buckets(self.endpoints.storage, self.credentials, self.connections)

    # Each of these loads a library of its own, which only some releases need.

    @cached_property
    def tasks(self) -> Tasks:
        from flowdeploy.clients.tasks import Tasks

        return Tasks(self.endpoints.tasks, self.credentials, self.connections)

    @cached_property
    def scheduler(self) -> Scheduler:
        from flowdeploy.clients.scheduler import Scheduler

        return Scheduler(self.endpoints.scheduler, self.credentials, self.connections)

    @cached_property
    def datastore(self) -> Datastore:
        from flowdeploy.clients.datastore import Datastore

        return Datastore(self.endpoints.datastore, self.credentials, self.connections)

    @cached_property
    def dispatch(self) -> Dispatch:
        from flowdeploy.clients.dispatch import Dispatch

        return Dispatch(self.endpoints.appengine, self.credentials, self.connections)

    @cached_property
    def service_usage(self) -> ServiceUsage:
        from flowdeploy.clients.service_usage import ServiceUsage

        return ServiceUsage(self.endpoints.service_usage, self.credentials, self.connections)
