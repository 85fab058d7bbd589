"""What a version's files change about an application, and what takes it back."""

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
    """An application's configuration as the APIs gave it, in their JSON; None: not read.

    ``queues`` are Cloud Tasks' Queues, ``jobs`` the legacy cron jobs of Cloud
    Scheduler, ``dispatch`` the application's dispatch rules, ``indexes`` Datastore's.
    """

    indexes: Resources | None = None
    queues: Resources | None = None
    jobs: Resources | None = None
    dispatch: Resources | None = None


def changes(config: AppConfig, there: Snapshot, *, prune_queues: bool = False) -> ConfigChanges:
    """What makes an application as the files say.

    Raises ValueError where ``there`` lacks something that a file speaks of.
    """
    queues = partial(queue_changes.for_file, prune=prune_queues)
    return ConfigChanges(
        _part(index_yaml.for_file, config.indexes, there.indexes),
        _part(queues, config.queues, there.queues),
        _part(cron_changes.for_file, config.cron, there.jobs),
        _part(dispatch_yaml.for_file, config.dispatch, there.dispatch),
    )


def restore(before: Snapshot, now: Snapshot) -> ConfigChanges:
    """What brings an earlier state back, as far as it was read: all that it says of
    queues, whether they were paused, cron jobs and dispatch rules.

    Indexes stay: a version that needs none of them does not feel them. Queues that
    were created since stay as they are and are named. Raises ValueError where ``now``
    lacks what ``before`` has.
    """
    return ConfigChanges(
        (),
        _part(queue_changes.restoration, before.queues, now.queues),
        _part(cron_changes.restoration, before.jobs, now.jobs),
        _part(dispatch_yaml.for_file, before.dispatch, now.dispatch),
    )


def _part(
    compare: Callable[[_Wanted, Resources], tuple[_Change, ...]],
    wanted: _Wanted | None,
    there: Resources | None,
) -> tuple[_Change, ...]:
    if wanted is None:
        return ()
    if there is None:
        raise ValueError("the state to compare with has not been read")
    return compare(wanted, there)
