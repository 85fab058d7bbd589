"""From the common options to values: the configuration, the folders, the endpoints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowdeploy import endpoints
from flowdeploy.cli.options import Settings
from flowdeploy.endpoints import Endpoints
from flowdeploy.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from flowdeploy.config import Config

HOME = ".flowdeploy"
EMBEDDED = "sandbox"  # the target that has no URL before it runs


@dataclass
class Session:
    """What a command works with; everything is read when it is first asked for."""

    settings: Settings

    @cached_property
    def config(self) -> Config:
        """Raises ConfigError with every problem of the file."""
        from flowdeploy.config import load

        return load(self.config_path)

    @cached_property
    def config_path(self) -> Path:
        from flowdeploy.config import find

        return self.settings.config or find(Path.cwd())

    @cached_property
    def home(self) -> Path:
        """Where runs are recorded: beside the configuration, or here if there is none."""
        if named := os.environ.get("FLOWDEPLOY_HOME"):
            return Path(named).absolute()
        config = self.config_if_any()
        return (config.root if config else Path.cwd()) / HOME

    def run_folder(self, run: str) -> Path:
        """Where a run keeps its report and its build's output."""
        return self.home / "runs" / run

    @property
    def target(self) -> str:
        """What a plan says of where it would run: ``google``, ``sandbox`` or the sandbox's URL.

        Raises UsageError for a URL that cannot be used.
        """
        return EMBEDDED if self._embeds else self.foreseen.target

    @contextmanager
    def endpoints(self) -> Iterator[Endpoints]:
        """Where to work, with the embedded stand-in running if it is that."""
        if self._embeds:
            with self._embedded() as url:
                yield endpoints.sandbox(url, os.environ)
        else:
            yield self.foreseen

    @property
    def foreseen(self) -> Endpoints:
        """Where to work, for who asks nobody there: the embedded stand-in has no port yet."""
        if running := os.environ.get("FLOWDEPLOY_SANDBOX"):
            return endpoints.sandbox(running, os.environ)
        if self.settings.sandbox:
            return endpoints.sandbox("http://127.0.0.1", os.environ)
        return endpoints.google(os.environ)

    @property
    def _embeds(self) -> bool:
        """Whether the stand-in is to run in this process: not where one is said to run already."""
        return self.settings.sandbox and not os.environ.get("FLOWDEPLOY_SANDBOX")

    @contextmanager
    def _embedded(self) -> Iterator[str]:
        with sandbox_extra():
            from flowdeploy.cli.stand_in import apps_of, scenario_of, stand_in
        scenario = replace(scenario_of(None), apps=apps_of(self.config_if_any()))
        with stand_in(self.home / "sandbox", scenario) as sandbox:
            yield sandbox.url

    def config_if_any(self) -> Config | None:
        """The configuration, unless none is named and none is found."""
        try:
            _ = self.config_path
        except ConfigError:
            return None
        return self.config


def session() -> Session:
    """The session of the command that runs. Raises UsageError where its folder is gone."""
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the working folder cannot be used: {error.strerror}",
            hint="Go to a folder that is there; this one may have been removed or made anew.",
        ) from error
    return Session(click.get_current_context().ensure_object(Settings))


@contextmanager
def sandbox_extra() -> Iterator[None]:
    """The stand-in is an extra: says how to get it where its server library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs {error.name}, which is not installed",
            hint="Install flowdeploy with its extra `sandbox`; the README says how.",
        ) from error
