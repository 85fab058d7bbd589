"""Reads ``config/instances.yaml`` into frozen values, or lists all of its problems.

``find`` the file, ``load`` it, or list its ``problems``; ``schema`` describes it to
editors. The pydantic models are internal; the values below are the interface.
"""

from flowdeploy.appengine.forms.problems import Problem
from flowdeploy.config.loading import describe, find, load, problems
from flowdeploy.config.models import schema
from flowdeploy.config.values import (
    BucketRecords,
    BuildConfig,
    Config,
    HealthConfig,
    LibraryConfig,
    LocalRecords,
    RolloutConfig,
    UploadMode,
    staging_bucket,
)

__all__ = [
    "BucketRecords",
    "BuildConfig",
    "Config",
    "HealthConfig",
    "LibraryConfig",
    "LocalRecords",
    "Problem",
    "RolloutConfig",
    "UploadMode",
    "describe",
    "find",
    "load",
    "problems",
    "schema",
    "staging_bucket",
]
