"""The files beside app.yaml: indexes, queues, cron jobs and dispatch rules. Pure."""

from flowdeploy.appengine.config_files.changes import ConfigChanges
from flowdeploy.appengine.config_files.compare import Snapshot, changes, restore
from flowdeploy.appengine.config_files.files import NAMES, AppConfig, read
from flowdeploy.appengine.config_files.indexes import unready
from flowdeploy.appengine.config_files.outside_changes import foreign

__all__ = [
    "NAMES",
    "AppConfig",
    "ConfigChanges",
    "Snapshot",
    "changes",
    "foreign",
    "read",
    "restore",
    "unready",
]
