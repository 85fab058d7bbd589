"""Reads dispatch.yaml: which service answers which addresses; the first match counts.

Sources: gcloud 528 for hosts and for how a url is split, the Admin API's reference
(UrlDispatchRule, Application.dispatchRules) for lengths and numbers.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flowdeploy.appengine.config_files.changes import SetDispatch
from flowdeploy.appengine.config_files.fields import APPLICATION
from flowdeploy.appengine.forms.problems import Place, Wrong
from flowdeploy.appengine.forms.schema import Key, block, list_of, pattern

Rules = tuple[Mapping[str, str], ...]

_MOST_RULES = 20
_LONGEST = 100  # characters of domain and path together

_ANYWHERE = {"domain": "*", "path": "/*"}

_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_SUFFIX = re.compile(rf"\*(?:[a-z0-9-]*[a-z0-9]|(?:[a-z0-9-]*[a-z0-9])?(?:\.{_LABEL})+)?")
_ADDRESS = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|0*[01]?[0-9]{1,2})(?:\.|$)){4}")
_SERVICE = pattern("(?!-)[a-z0-9-]{0,62}[a-z0-9]", "a service in lower-case letters")


def read(values: Mapping[str, Any], place: Place) -> Rules:
    """Read the data of the file as the API's UrlDispatchRules; problems are added to the place."""
    given = _FILE(values, place)
    return tuple(rule for rule in given.get("dispatch", []) if rule)


def for_file(
    wanted: Iterable[Mapping[str, str]], there: Iterable[Mapping[str, str]]
) -> tuple[SetDispatch, ...]:
    """The change from the existing rules to the wanted ones: all rules, or nothing."""
    rules, actual = (tuple({**_ANYWHERE, **rule} for rule in given) for given in (wanted, there))
    return () if actual == rules else (SetDispatch(rules, actual),)


def _url(value: Any, _place: Place) -> dict[str, str]:
    """Split ``*/mobile/*`` into domain and path."""
    if not isinstance(value, str) or not re.fullmatch("[^/\n]+/[^\n]*", value):
        raise Wrong("a host and a path, such as */mobile/* or www.example.org/*")
    domain, path = value[: value.index("/")], value[value.index("/") :]
    if not (_SUFFIX if domain.startswith("*") else _HOST).fullmatch(domain):
        raise Wrong("a host in lower-case letters, with a * at most as its beginning")
    if _ADDRESS.fullmatch(domain):
        raise Wrong("the name of a host, which an address is not")
    if len(value) > _LONGEST:
        raise Wrong(f"at most {_LONGEST} characters")
    if "*" in path[:-1]:
        raise Wrong("a path with a * at most as its end")
    return {"domain": domain, "path": _path(path)}


def _path(path: str) -> str:
    """Remove further slashes before a final ``/*``."""
    return path.removesuffix("/*").rstrip("/") + "/*" if path.endswith("/*") else path


_RULE = block(
    {
        "url": Key(_url, "url", required=True),
        "service": Key(_SERVICE),
        "module": Key(_SERVICE),
    },
    "a dispatch rule",
)


def _rule(value: Any, place: Place) -> dict[str, str] | None:
    given: dict[str, Any] = _RULE(value, place)
    services = [given[name] for name in ("service", "module") if name in given]
    named = [name for name in ("service", "module") if value.get(name) is not None]
    if len(named) == 2:
        place.problem("has both service and module", "keep service")
    if not named:
        place.problem("has no service", "add it")
    return {**given["url"], "service": services[0]} if services and "url" in given else None


_FILE = block(
    {"application": APPLICATION, "dispatch": Key(list_of(_rule, at_most=_MOST_RULES))},
    "dispatch.yaml",
)
