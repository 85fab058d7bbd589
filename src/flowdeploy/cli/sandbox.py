"""``flowdeploy sandbox``: serve the sandbox for others, or reset the embedded one."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.session import current_session, require_sandbox_extra
from flowdeploy.endpoints import DEMO_TOKEN, DEMO_USER
from flowdeploy.errors import FlowdeployError, UsageError

if TYPE_CHECKING:
    from flowdeploy.sandbox.state import App


@click.group("sandbox")
@common_options()
def command() -> None:
    """Serve or reset the sandbox, which stands in for Google and Clojars."""


@command.command(
    "serve",
    epilog="""\b
Examples:
  flowdeploy sandbox serve --port 8080
  flowdeploy sandbox serve --app my-project:us-central --operation-seconds 30
  flowdeploy sandbox serve --latency-ms 50 --fault-rate 0.1 --seed 7
  flowdeploy sandbox serve --scenario stuck-operation""",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="H",
    help="The address to listen on. It answers to this name and to those of this machine.",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Another name to answer to, such as a container's.  [repeatable]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Default: a free port.",
)
@click.option(
    "--state",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of its state.  [default: $FLOWDEPLOY_HOME/sandbox]",
)
@click.option(
    "--app",
    "named",
    multiple=True,
    metavar="PROJECT[:LOCATION]",
    help="An application, in addition to those of the configuration.  [repeatable]",
)
@click.option(
    "--scenario", metavar="FILE", help="Behaviour, applications and faults; see the README."
)
@click.option("--latency-ms", type=click.FloatRange(0), metavar="N", help="Delay every request.")
@click.option(
    "--operation-seconds",
    type=click.FloatRange(0),
    metavar="X",
    help="Length of deploys and traffic changes.  [default: 0.8]",
)
@click.option(
    "--fault-rate", type=click.FloatRange(0, 1), metavar="P", help="Share of requests that fail."
)
@click.option("--seed", type=int, metavar="N", help="Seed of the choice of failing requests.")
@common_options()
def serve(
    host: str,
    allowed_hosts: tuple[str, ...],
    port: int,
    folder: Path | None,
    named: tuple[str, ...],
    scenario: str | None,
    latency_ms: float | None,
    **behaviour: Any,
) -> None:
    """Serve the sandbox until Ctrl-C. The first line is its URL.

    Whoever reaches it may do anything with it. So it listens on this machine alone, and
    answers only to requests whose Host header is of this machine, of an application
    (….appspot.com), or named by --host or --allow-host.
    """
    with require_sandbox_extra():
        from flowdeploy.cli.embedded_sandbox import apps_of, load_scenario, start_sandbox
        from flowdeploy.cli.report_files import ensure_home
        from flowdeploy.sandbox.guard import is_loopback

    session = current_session()
    chosen = load_scenario(scenario)
    behaviour["latency"] = None if latency_ms is None else latency_ms / 1000
    given = {name: value for name, value in behaviour.items() if value is not None}
    chosen = replace(
        chosen,
        settings=replace(chosen.settings, **given),
        apps=(*chosen.apps, *apps_of(session.find_config()), *map(_parse_app, named)),
    )
    sandbox = start_sandbox(
        folder or ensure_home(session.home) / "sandbox",
        chosen,
        host=host,
        port=port,
        allowed_hosts=allowed_hosts,
    )
    if not is_loopback(host):
        print_note(
            f"who can reach {host} may use the sandbox, which asks for no credentials; it answers"
            " to other names than localhost only where --allow-host gives them"
        )
    click.echo(sandbox.url)
    click.echo(_directions(sandbox.url))
    sandbox.serve_forever()


@command.command("reset")
@common_options()
def reset() -> None:
    """Delete the state of the embedded sandbox."""
    folder = current_session().home / "sandbox"
    try:
        if os.path.lexists(folder):
            shutil.rmtree(folder)
    except OSError as error:
        if not _is_empty(folder):  # the folder itself may stay
            raise FlowdeployError(
                f"{folder} cannot be emptied: {error.filename or folder}:"
                f" {error.strerror or error}",
                hint="Correct the permissions, and let no sandbox use it meanwhile.",
            ) from error
    click.echo(f"{folder} is empty")


def _is_empty(folder: Path) -> bool:
    try:
        return not any(folder.iterdir())
    except OSError:
        return False


def _parse_app(text: str) -> App:
    """``PROJECT[:LOCATION]``. Raises UsageError for a bad id or an unknown location."""
    from flowdeploy.config.models import PROJECT
    from flowdeploy.sandbox.google_api.hostnames import REGION_IDS
    from flowdeploy.sandbox.state import App

    if re.fullmatch(PROJECT, text):  # which may have a colon itself: example.com:project
        return App(text)
    project, _, location = text.rpartition(":")
    if not re.fullmatch(PROJECT, project) or location not in REGION_IDS:
        raise UsageError(
            f"--app {text!r} is neither PROJECT nor PROJECT:LOCATION",
            hint=f"Locations are {', '.join(REGION_IDS)}.",
        )
    return App(project, location)


def _directions(url: str) -> str:
    """How to point the usual tools at the sandbox."""
    from flowdeploy.sandbox.exports import shell_exports

    return f"""
# flowdeploy and gcloud:
{shell_exports(url)}

# Maven and Leiningen: the repository {url}/repo
# user {DEMO_USER}, token {DEMO_TOKEN}
"""
