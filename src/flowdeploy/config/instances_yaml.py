"""YAML as config/instances.yaml is read: anchors are allowed, and few scalars are no text."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from flowdeploy.appengine.forms.yaml_reader import TAG, Dialect

# Dates stay text (`skip: 2019-06-30` is a reason), as do `<<` and `=` of YAML 1.1.
_NOT_TEXT = frozenset(TAG + name for name in ("null", "bool", "int", "float"))
_RESOLVERS = {
    first: [(tag, form) for tag, form in forms if tag in _NOT_TEXT]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _construct(node: yaml.ScalarNode) -> Any:
    value = SafeConstructor().construct_object(node) if node.tag in _NOT_TEXT else node.value
    if isinstance(value, int) and value.bit_length() > 63:
        raise ValueError("no API takes more than 64 bits")
    return value


INSTANCES = Dialect(
    resolvers=_RESOLVERS,
    scalar_tags=_NOT_TEXT | {TAG + "str"},
    construct=_construct,
    anchors=True,
    text_keys=True,
)
