"""The configuration: ``config/instances.yaml`` → frozen values, every problem at once.

``find`` the file, ``load`` it, or list its ``problems``; ``schema`` describes it
to editors. Models (pydantic) stay inside: what leaves are the values below.
"""

from flowdeploy.config.document import Problem
from flowdeploy.config.json_schema import schema
from flowdeploy.config.loading import find, load, problems
from flowdeploy.config.values import BuildConfig, Config, HealthConfig, LibraryConfig, RolloutConfig

__all__ = [
    "BuildConfig",
    "Config",
    "HealthConfig",
    "LibraryConfig",
    "Problem",
    "RolloutConfig",
    "find",
    "load",
    "problems",
    "schema",
]
