"""The files beside app.yaml: indexes, queues, cron jobs and dispatch rules. Pure."""

from flowdeploy.appconfig.changes import Changes
from flowdeploy.appconfig.comparing import Snapshot, changes, restore
from flowdeploy.appconfig.files import NAMES, AppConfig, read
from flowdeploy.appconfig.foreign import foreign
from flowdeploy.appconfig.indexes import unready

__all__ = [
    "NAMES",
    "AppConfig",
    "Changes",
    "Snapshot",
    "changes",
    "foreign",
    "read",
    "restore",
    "unready",
]
