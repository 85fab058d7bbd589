"""Google's own types of App Engine's resources, and nothing else of their library.

Its package loads the clients of nine services twice over, and grpc: 0.5 s of CPU and
30 MiB, which is more than the deploy of a small fleet takes; the types alone take 0.04 s.
So they are loaded beside the package, which is left as if nobody had asked for it:
whoever imports it later gets all of it, with these same types.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from flowdeploy.errors import ServiceError

_LIBRARY = "google.cloud.appengine_admin_v1"


def _types() -> ModuleType:
    name = f"{_LIBRARY}.types"
    if _LIBRARY in sys.modules:
        return import_module(name)
    spec = find_spec(_LIBRARY)
    assert spec is not None  # noqa: S101  (a dependency)
    sys.modules[_LIBRARY] = module_from_spec(spec)
    try:
        return import_module(name)
    finally:
        del sys.modules[_LIBRARY]


_Version = _types().Version


def version_settings(body: Mapping[str, Any]) -> dict[str, Any]:
    """A Version without its files in protobuf's own JSON form: of several ways to write an enum,
    a duration or a number there is one, and of what is at its default there are the zeros that
    ``body`` has.

    Raises ServiceError for what is no Version.
    """
    fields = {name: value for name, value in body.items() if name != "deployment"}
    try:
        message = ParseDict(fields, _Version.pb(_Version()), ignore_unknown_fields=True)
    except ParseError as failure:
        raise ServiceError("UNKNOWN", f"a version could not be read: {failure}") from failure
    return _with_zeros(MessageToDict(message), fields)


def _with_zeros(plain: dict[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    zeros = {n: v for n, v in fields.items() if isinstance(v, int | float) and not v}
    inside = {n: _with_zeros(plain[n], v) for n, v in fields.items() if _are_messages(plain, n, v)}
    return {**zeros, **plain, **inside}


def _are_messages(plain: Mapping[str, Any], name: str, value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(plain.get(name), dict)
