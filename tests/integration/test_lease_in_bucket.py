"""The lease over records in a bucket, by the clock of Cloud Storage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from google.auth.credentials import AnonymousCredentials
from tests.fault_proxy import Asked, Forward, Reply, fault_proxy

from flowdeploy.clients.bucket_store import BucketStore
from flowdeploy.clients.http import GoogleSession
from flowdeploy.errors import LockHeld, ServiceError
from flowdeploy.records.locks import TTL, WAIT_OR_TAKE_OVER, Holder, Lease

if TYPE_CHECKING:
    from tests.integration.conftest import Remote

LOCK = "locks/production"
OURS = Holder("run-1", "ada", "laptop", "flowdeploy promote v1 all", "2020-04-03T07:30:34+00:00")
THEIRS = Holder("run-2", "bob", "ci", "flowdeploy promote v2 all", "2020-04-03T07:30:35+00:00")


@pytest.fixture
def store(remote: Remote) -> BucketStore:
    session = GoogleSession(AnonymousCredentials(), 2)
    return BucketStore(session, remote.url, "staging.flow-uat1.appspot.com", "flowdeploy/")


@pytest.fixture
def ours(store: BucketStore) -> Lease:
    return Lease(store, LOCK, OURS, WAIT_OR_TAKE_OVER)


@pytest.fixture
def theirs(store: BucketStore) -> Lease:
    return Lease(store, LOCK, THEIRS)


def advance(remote: Remote, seconds: float) -> None:
    remote.call("POST", "/_sandbox/clock", {"advance": seconds})


def test_a_lease_lapses_by_the_servers_clock(remote: Remote, ours: Lease, theirs: Lease) -> None:
    theirs.acquire()
    advance(remote, TTL - 10)
    with pytest.raises(LockHeld, match="bob on ci, run run-2") as held:
        ours.acquire()
    assert "--take-over" in str(held.value.hint)
    advance(remote, 11)
    ours.acquire()
    with pytest.raises(LockHeld, match="taken over: `flowdeploy promote v1 all` by ada on laptop"):
        theirs.confirm()
    theirs.release()
    ours.confirm()


def test_a_lease_that_grows_old_is_not_confirmed(remote: Remote, ours: Lease) -> None:
    ours.acquire()
    ours._confirmed = float("-inf")
    advance(remote, TTL / 2 + 2)
    with pytest.raises(LockHeld, match="could not be refreshed in time"):
        ours.confirm()


def test_a_lease_that_is_taken_over_is_lost(ours: Lease, theirs: Lease) -> None:
    theirs.acquire()
    ours.acquire(take_over=True)
    ours.confirm()
    with pytest.raises(LockHeld, match="taken over"):
        theirs.confirm()


def test_a_lease_whose_answer_was_lost_is_ours(remote: Remote, ours: Lease) -> None:
    remote.fault("reset-after", target="/upload/*", times=1)
    ours.acquire()
    ours.confirm()
    ours.release()
    assert ours.store.objects("locks/") == ()


def test_what_cannot_be_asked_is_not_confirmed(remote: Remote, ours: Lease) -> None:
    ours.acquire()
    remote.fault("permission", target="/storage/*")
    with pytest.raises(ServiceError) as error:
        ours.confirm()
    assert error.value.code in {"PERMISSION_DENIED", "FORBIDDEN"}
    ours.require()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_hangs_does_not_cost_the_lease(
    remote: Remote, store: BucketStore, method: str
) -> None:
    def hang(_: Asked, forward: Forward) -> Reply:
        return replace(forward(), drip_head=0.05)

    with fault_proxy(remote.url) as proxy:
        lease = Lease(replace(store, root=proxy.url, timeout=0.5), LOCK, OURS)
        proxy.arm(hang, method, times=1)
        lease.acquire()
        lease.confirm()
        assert len([asked for asked in proxy.asked if asked.method == method]) > 1
        proxy.arm(hang)
        with pytest.raises(ServiceError, match=r"timed out|did not end"):
            lease.confirm()
