"""The configuration files beside app.yaml: indexes, queues, cron jobs, dispatch rules. Pure."""

from flowdeploy.appengine.config_files.app_config import NAMES, AppConfig, read
from flowdeploy.appengine.config_files.changes import ConfigChanges
from flowdeploy.appengine.config_files.compare import (
    Snapshot,
    changes,
    find_outside_changes,
    restore,
)
from flowdeploy.appengine.config_files.index_yaml import unready

__all__ = [
    "NAMES",
    "AppConfig",
    "ConfigChanges",
    "Snapshot",
    "changes",
    "find_outside_changes",
    "read",
    "restore",
    "unready",
]
