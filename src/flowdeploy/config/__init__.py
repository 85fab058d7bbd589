"""The configuration: ``config/instances.yaml`` → frozen values, every problem at once.

``find`` the file, ``load`` it, or list its ``problems``; ``schema`` describes it
to editors. Models (pydantic) stay inside: what leaves are the values below.
"""

from flowdeploy.appengine.forms.problems import Problem
from flowdeploy.config.json_schema import schema
from flowdeploy.config.loading import describe, find, load, problems
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
