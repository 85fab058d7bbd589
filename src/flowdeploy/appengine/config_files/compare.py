"""Compares an application's configuration with a version's files, or with an earlier state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from flowdeploy.appengine.config_files import cron_changes, dispatch_yaml, index_yaml, queue_changes
from flowdeploy.appengine.config_files.app_config import AppConfig
from flowdeploy.appengine.config_files.changes import ConfigChanges

Resources = tuple[Mapping[str, Any], ...]

_Wanted = TypeVar("_Wanted")
_Change = TypeVar("_Change")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An application's configuration as the APIs' JSON; None for parts that were not read.

    ``queues`` are Cloud Tasks' Queues, ``jobs`` the legacy cron jobs of Cloud
    Scheduler, ``dispatch`` the application's dispatch rules, ``indexes`` Datastore's.
    """

    indexes: Resources | None = None
    queues: Resources | None = None
    jobs: Resources | None = None
    dispatch: Resources | None = None


def changes(config: AppConfig, there: Snapshot, *, prune_queues: bool = False) -> ConfigChanges:
    """The changes that bring an application to the configuration of the files.

    Raises ValueError if ``there`` lacks a part that a file configures.
    """
    queues = partial(queue_changes.for_file, prune=prune_queues)
    return ConfigChanges(
        _compare_part(index_yaml.for_file, config.indexes, there.indexes),
        _compare_part(queues, config.queues, there.queues),
        _compare_part(cron_changes.for_file, config.cron, there.jobs),
        _compare_part(dispatch_yaml.for_file, config.dispatch, there.dispatch),
    )


def restore(before: Snapshot, now: Snapshot) -> ConfigChanges:
    """The changes that restore an earlier state: queues, cron jobs and dispatch rules.

    Indexes stay: they do not affect a version that does not need them. Queues that were
    created since stay, too, and are reported. Raises ValueError if ``now`` lacks a part
    that ``before`` has.
    """
    return ConfigChanges(
        (),
        _compare_part(queue_changes.restoration, before.queues, now.queues),
        _compare_part(cron_changes.restoration, before.jobs, now.jobs),
        _compare_part(dispatch_yaml.for_file, before.dispatch, now.dispatch),
    )


def _compare_part(
    compare: Callable[[_Wanted, Resources], tuple[_Change, ...]],
    wanted: _Wanted | None,
    there: Resources | None,
) -> tuple[_Change, ...]:
    if wanted is None:
        return ()
    if there is None:
        raise ValueError("the state to compare with has not been read")
    return compare(wanted, there)
