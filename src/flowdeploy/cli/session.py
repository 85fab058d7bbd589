"""What one command works with: configuration, folders, clients and records, each made once."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowdeploy import endpoints
from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import CommonOptions
from flowdeploy.endpoints import Endpoints
from flowdeploy.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from flowdeploy.clients.cloud import GoogleClients
    from flowdeploy.config.values import Config
    from flowdeploy.records.runs import Run
    from flowdeploy.steps.history import RunHistory

HOME = ".flowdeploy"
EMBEDDED = "sandbox"  # the target before the embedded sandbox has a URL


@dataclass
class Session:
    """Everything is made when it is first asked for, and only once."""

    options: CommonOptions

    @cached_property
    def config(self) -> Config:
        """Raises ConfigError with every problem of the file."""
        from flowdeploy.config.loading import load

        return load(self.config_path)

    @cached_property
    def config_path(self) -> Path:
        from flowdeploy.config.loading import find

        return self.options.config or find(Path.cwd())

    def find_config(self) -> Config | None:
        """The configuration; None where none is named and none is found."""
        try:
            _ = self.config_path
        except ConfigError:
            return None
        return self.config

    @cached_property
    def home(self) -> Path:
        """The folder of runs: FLOWDEPLOY_HOME, else beside the configuration, else here."""
        if named := os.environ.get("FLOWDEPLOY_HOME"):
            return Path(named).absolute()
        config = self.find_config()
        return (config.root if config else Path.cwd()) / HOME

    @property
    def jobs(self) -> int:
        """How many calls may be under way at once: ``--jobs``, else ``rollout.jobs``."""
        return self.options.jobs or self.config.rollout.jobs

    @property
    def target(self) -> str:
        """Where a run would work: ``google``, ``sandbox`` or the URL of a running sandbox.

        Raises UsageError for a URL that cannot be used.
        """
        return EMBEDDED if self._embeds_sandbox else self.offline_endpoints.target

    @property
    def offline_endpoints(self) -> Endpoints:
        """The endpoints, for commands that ask nobody: the embedded sandbox has no port."""
        if running := os.environ.get("FLOWDEPLOY_SANDBOX"):
            return endpoints.sandbox(running, os.environ)
        if self.options.sandbox:
            return endpoints.sandbox("http://127.0.0.1", os.environ)
        return endpoints.google(os.environ)

    @cached_property
    def endpoints(self) -> Endpoints:
        """Where to work. Starts the embedded sandbox, which ends with the command."""
        if not self._embeds_sandbox:
            return self.offline_endpoints
        url = click.get_current_context().with_resource(self._embedded_sandbox())
        return endpoints.sandbox(url, os.environ)

    @cached_property
    def clients(self) -> GoogleClients:
        """Google's services, with one identity. Asks for it when a client is first used."""
        from flowdeploy.clients.cloud import GoogleClients

        return GoogleClients(self.endpoints, self.jobs, print_note)

    @cached_property
    def history(self) -> RunHistory:
        """Past runs. Raises ServiceError where the records cannot be read."""
        from flowdeploy.steps.history import open_history

        return open_history(self.config, self.clients, self.home)

    def require_run(self, name: str) -> Run:
        """Raises UsageError for a run that is not on record."""
        run = self.history.find(name)
        if run is None:
            raise UsageError(
                f"no run {name} is on record", hint="`flowdeploy history` lists the runs that are."
            )
        return run

    @property
    def _embeds_sandbox(self) -> bool:
        """Whether the sandbox runs in this process: not where one is said to run already."""
        return self.options.sandbox and not os.environ.get("FLOWDEPLOY_SANDBOX")

    @contextmanager
    def _embedded_sandbox(self) -> Iterator[str]:
        with require_sandbox_extra():
            from flowdeploy.cli.embedded_sandbox import apps_of, load_scenario, start_sandbox
            from flowdeploy.cli.report_files import ensure_home
        scenario = replace(load_scenario(None), apps=apps_of(self.find_config()))
        with start_sandbox(ensure_home(self.home) / "sandbox", scenario) as sandbox:
            yield sandbox.url


def current_session() -> Session:
    """The session of the command that runs. Raises UsageError where its folder is gone."""
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(
            f"the working folder cannot be used: {error.strerror}",
            hint="Go to a folder that exists; this one may have been removed or made anew.",
        ) from error
    return Session(click.get_current_context().ensure_object(CommonOptions))


def user_name(actor: str | None) -> str:
    """``actor``, CI's name for the user, if there is one; else this machine's name for them."""
    try:
        return actor or getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name: docker run --user
        return f"uid {os.getuid()}"


@contextmanager
def require_sandbox_extra() -> Iterator[None]:
    """The sandbox is an extra: say how to install it where its server library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs {error.name}, which is not installed",
            hint="Install flowdeploy with its extra `sandbox`; the README says how.",
        ) from error
