"""Checks which keys of app.yaml can be used with a runtime and with each other."""

from collections.abc import Mapping
from typing import Any

from flowdeploy.appengine.app_yaml import scaling
from flowdeploy.appengine.app_yaml.handlers import kind_of
from flowdeploy.appengine.forms.problems import Place
from flowdeploy.appengine.runtimes import is_second_generation

Settings = Mapping[str, Any]

_FLEXIBLE = ("2", "flex", "flexible")
_GONE = {
    "python": ("means Python 2.5, which is gone", "write a runtime such as python312"),
    "python-compat": ("is gone", "write a runtime such as python312"),
    "custom": ("needs an env", "write env: standard, or another runtime"),
}


def is_flexible(settings: Settings, place: Place) -> bool:
    """Whether the file is for the flexible environment; adds a problem if so."""
    found = {
        "env": str(settings.get("env")) in _FLEXIBLE,
        "vm": bool(settings.get("vm")),
        "runtime": settings.get("runtime") == "vm",
    }
    for key in (key for key, is_so in found.items() if is_so):
        (place / key).problem(
            f"is {settings[key]}: the flexible environment is not supported",
            "write env: standard and a runtime of the standard environment",
        )
    return any(found.values())


def check(settings: Settings, place: Place) -> None:
    """Add a problem to the place for each invalid combination."""
    runtime = str(settings.get("runtime"))
    _runtime(settings, runtime, place)
    _one_of(("service", "module"), settings, place)
    _one_of(scaling.BLOCKS, settings, place)
    _one_of(("app_engine_apis", "app_engine_bundled_services"), settings, place)
    _one_of(("vpc_access_connector", "vpc_access"), settings, place)
    if is_second_generation(runtime):
        _second_generation(settings, runtime, place)
    if runtime == "python27":
        _python27(settings, place)
    elif settings.get("libraries"):
        (place / "libraries").problem(f"is for python27 only, not for {runtime}", "remove it")
    kinds = {kind_of(handler) for _, handler in _handlers(settings)}
    if "api_endpoint" in kinds and not settings.get("api_config"):
        (place / "handlers").problem("has an api_endpoint, which needs api_config", "add it")


def _runtime(settings: Settings, runtime: str, place: Place) -> None:
    if runtime in _GONE and not (runtime == "custom" and settings.get("env")):
        why, advice = _GONE[runtime]
        (place / "runtime").problem(f"{runtime} {why}", advice)


def _one_of(names: tuple[str, ...], settings: Settings, place: Place) -> None:
    given = [name for name in names if settings.get(name) is not None]
    for name in given[1:]:
        (place / name).problem(f"stands beside {given[0]}", "keep one of them")


def _second_generation(settings: Settings, runtime: str, place: Place) -> None:
    if settings.get("threadsafe") is not None:
        (place / "threadsafe").problem(f"has no meaning with {runtime}", "remove it")
    if settings.get("skip_files") is not None:
        (place / "skip_files").problem(
            f"cannot be used with {runtime}", "write the rules into a .gcloudignore file"
        )
    for at, handler in _handlers(settings):
        if handler.get("application_readable") is not None:
            (place / "handlers" / at / "application_readable").problem(
                f"has no meaning with {runtime}, which can always read its files", "remove it"
            )


def _python27(settings: Settings, place: Place) -> None:
    threadsafe = settings.get("threadsafe")
    if threadsafe is None:
        place.problem("threadsafe is missing, which python27 needs", "write true or false")
    for at, handler in _handlers(settings) if threadsafe is True else ():
        script = str(handler.get("script") or "")
        if script.endswith(".py") or "/" in script:
            (place / "handlers" / at / "script").problem(
                f"is {script}, a CGI script, which threadsafe: true excludes", "write main.app"
            )


def _handlers(settings: Settings) -> list[tuple[int, Settings]]:
    """The handlers that are blocks, with their indexes."""
    handlers = settings.get("handlers")
    listed = handlers if isinstance(handlers, list) else []
    return [(at, handler) for at, handler in enumerate(listed) if isinstance(handler, dict)]
