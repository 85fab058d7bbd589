"""Reads the libraries of the python27 runtime; no other runtime has any."""

from typing import Any

from flowdeploy.appengine.forms.problems import Place
from flowdeploy.appengine.forms.schema import Key, block, list_of, text

# The libraries of gcloud 528 and their versions; the first one is `latest`.
VERSIONS = {
    "MySQLdb": ("1.2.5", "1.2.4", "1.2.4b4"),
    "PIL": ("1.1.7",),
    "PyAMF": ("0.6.1", "0.7.2"),
    "clearsilver": ("0.10.5",),
    "click": ("6.6",),
    "crcmod": ("1.7",),
    "django": ("1.4", "1.2", "1.3", "1.5", "1.9", "1.11"),
    "endpoints": ("1.0",),
    "enum": ("0.9.23",),
    "flask": ("0.12",),
    "futures": ("3.0.5",),
    "grpcio": ("1.0.0",),
    "itsdangerous": ("0.24",),
    "jinja2": ("2.6",),
    "lxml": ("3.7.3", "2.3", "2.3.5"),
    "markupsafe": ("0.15", "0.23"),
    "matplotlib": ("1.2.0",),
    "mysqlclient": ("1.4.4",),
    "numpy": ("1.6.1",),
    "protobuf": ("3.0.0",),
    "protorpc": ("1.0",),
    "psycopg2": ("2.8.3",),
    "pycrypto": ("2.6", "2.3", "2.6.1"),
    "pytz": ("2017.3", "2016.4", "2017.2"),
    "setuptools": ("36.6.0", "0.6c11"),
    "six": ("1.12.0", "1.9.0"),
    "ssl": ("2.7.11", "2.7", "2.7.16", "2.7.current"),
    "ujson": ("1.35",),
    "webapp2": ("2.5.2", "2.3", "2.5.1"),
    "webob": ("1.2.3", "1.1.1"),
    "werkzeug": ("0.11.10",),
    "yaml": ("3.10",),
}

_LIST = list_of(
    block(
        {"name": Key(text, required=True), "version": Key(text, required=True)},
        "libraries",
    )
)


def libraries(value: Any, place: Place) -> list[dict[str, str]]:
    """Names and versions, with ``latest`` resolved."""
    found: list[dict[str, str] | None] = _LIST(value, place)
    whole = [(at, library) for at, library in enumerate(found) if library and len(library) == 2]
    names: set[str] = set()
    for at, library in whole:
        if library["name"] in names:
            (place / at).problem(f"names {library['name']} once more", "keep one")
        names.add(library["name"])
    return [
        {"name": library["name"], "version": _version(library, place / at)} for at, library in whole
    ]


def _version(library: dict[str, str], place: Place) -> str:
    name, version = library["name"], library["version"]
    known = VERSIONS.get(name, ())
    if version == "latest" and known:
        return known[0]
    if not known:
        place.problem(f"{name} is no library of the runtime", f"use one of {', '.join(VERSIONS)}")
    elif version not in known:
        place.problem(f"{name} has no version {version}", f"use latest or {', '.join(known)}")
    return version
