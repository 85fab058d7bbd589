"""``flowdeploy sandbox``: the stand-in for Google and Clojars, as a server of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.session import Session, sandbox_extra, session
from flowdeploy.endpoints import DEMO_TOKEN, DEMO_USER

if TYPE_CHECKING:
    from flowdeploy.sandbox.state import App


@click.group("sandbox")
@common_options()
def command() -> None:
    """Serve or reset the stand-in for Google and Clojars."""


@command.command(
    "serve",
    epilog="""\b
Examples:
  flowdeploy sandbox serve --port 8080
  flowdeploy sandbox serve --app my-project:us-central --operation-seconds 30
  flowdeploy sandbox serve --latency-ms 50 --fault-rate 0.1 --seed 7""",
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Default: one that is free.",
)
@click.option(
    "--state",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where it remembers.  [default: $FLOWDEPLOY_HOME/sandbox]",
)
@click.option(
    "--app",
    "named",
    multiple=True,
    metavar="PROJECT[:LOCATION]",
    help="An application beside those of the configuration.  [repeatable]",
)
@click.option("--latency-ms", type=click.FloatRange(0), default=0.0, metavar="N")
@click.option("--operation-seconds", type=click.FloatRange(0), default=1.0, metavar="X")
@click.option("--fault-rate", type=click.FloatRange(0, 1), default=0.0, metavar="P")
@click.option("--seed", default=0, metavar="N", help="Decides which requests fail.")
@common_options()
def serve(
    host: str,
    port: int,
    folder: Path | None,
    named: tuple[str, ...],
    latency_ms: float,
    operation_seconds: float,
    fault_rate: float,
    seed: int,
) -> None:
    """Serve the stand-in until Ctrl-C. The first line says where it listens."""
    with sandbox_extra():
        from flowdeploy.cli.stand_in import stand_in
        from flowdeploy.sandbox.state import Settings

    here = session()
    behaviour = Settings(latency_ms / 1000, operation_seconds, fault_rate, seed)
    state = folder or here.home / "sandbox"
    sandbox = stand_in(state, _apps(here, named), behaviour, host=host, port=port)
    click.echo(sandbox.url)
    click.echo(_directions(sandbox.url))
    sandbox.serve_forever()


@command.command("reset")
@common_options()
def reset() -> None:
    """Forget all that the embedded stand-in remembers."""
    folder = session().home / "sandbox"
    shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"{folder} is empty")


def _apps(here: Session, named: tuple[str, ...]) -> tuple[App, ...]:
    from flowdeploy.cli.stand_in import apps_of
    from flowdeploy.sandbox.state import App

    given = (text.rpartition(":") for text in named)
    apps = (App(project, location) if project else App(location) for project, _, location in given)
    return (*apps_of(here.config_if_any()), *apps)


def _directions(url: str) -> str:
    """How to point the usual tools at the stand-in."""
    return f"""
flowdeploy:
  export FLOWDEPLOY_SANDBOX={url}
gcloud:
  export CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true CLOUDSDK_CORE_CHECK_GCE_METADATA=false
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_APPENGINE={url}/
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE={url}/storage/v1/
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDTASKS={url}/
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDSCHEDULER={url}/
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_DATASTORE={url}/
  export CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE={url}/
Maven and Leiningen:
  repository {url}/repo, user {DEMO_USER}, token {DEMO_TOKEN}
"""
