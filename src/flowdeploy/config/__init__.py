"""The configuration: ``config/instances.yaml`` → frozen values, every problem at once.

``find`` the file, ``load`` it, or list its ``problems``; ``schema`` describes it
to editors. Models (pydantic) stay inside: what leaves are the values below.
"""

from flowdeploy.config.document import Problem
from flowdeploy.config.json_schema import schema
from flowdeploy.config.loading import find, load, problems
from flowdeploy.config.values import Build, Config, Health, Library, Rollout

__all__ = [
    "Build",
    "Config",
    "Health",
    "Library",
    "Problem",
    "Rollout",
    "find",
    "load",
    "problems",
    "schema",
]
