"""YAML as gcloud 528 reads app.yaml and the configuration files beside it."""

import re
from datetime import UTC, datetime
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from flowdeploy.appengine.forms.yaml_reader import TAG, Dialect, Resolvers


class _Resolver(yaml.SafeLoader):
    """Knows the booleans and numbers of YAML 1.1 that PyYAML reads as text."""


_Resolver.add_implicit_resolver(TAG + "bool", re.compile("[yYnN]$"), list("yYnN"))
_Resolver.add_implicit_resolver(
    TAG + "float",
    re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


class _GcloudScalars(SafeConstructor):
    bool_values = SafeConstructor.bool_values | {"y": True, "n": False}


def _construct(node: yaml.ScalarNode) -> Any:
    value = _GcloudScalars().construct_object(node)
    str(value)  # Python refuses to write a number of thousands of digits
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).replace(tzinfo=None)  # as gcloud's library does
    return value


_RESOLVERS: Resolvers = _Resolver.yaml_implicit_resolvers
_TAGS = ("str", "null", "bool", "int", "float", "timestamp", "binary")

GCLOUD = Dialect(
    resolvers=_RESOLVERS,
    scalar_tags=frozenset(TAG + name for name in _TAGS),
    construct=_construct,
    anchors=False,
    text_keys=False,
)
