"""``flowdeploy versions --project P``: the versions of a project, as gcloud lists them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import LISTS, common_options
from flowdeploy.cli.parameters import Id
from flowdeploy.cli.session import current_session
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.display.tables import Format, show
from flowdeploy.display.versions import COLUMNS, ListedVersion, versions_rows
from flowdeploy.errors import ServiceError

if TYPE_CHECKING:
    from flowdeploy.clients.appengine import AppEngine


@click.command(
    "versions",
    epilog="""\b
Examples:
  flowdeploy versions --project akvoflow-uat1
  flowdeploy versions --project akvoflow-uat1 --format json""",
)
@click.option(
    "--project", type=Id("project"), required=True, metavar="P", help="The App Engine project."
)
@click.option(
    "--service", type=Id("service"), metavar="S", help="Only the versions of this service."
)
@common_options(LISTS)
def command(project: str, service: str | None) -> None:
    """List the versions of a project: SERVICE, VERSION.ID, TRAFFIC_SPLIT, LAST_DEPLOYED,
    SERVING_STATUS, as `gcloud app versions list` prints and sorts them."""
    session = current_session()
    clients = GoogleClients(session.endpoints, 4, print_note)  # needs no configuration
    rows = versions_rows(_list_versions(clients.engine, project, service))
    show(rows, COLUMNS, Format(session.options.format), sys.stdout)


def _list_versions(engine: AppEngine, project: str, service: str | None) -> Iterator[ListedVersion]:
    """Raises ServiceError for a project without an application, or without that service."""
    splits = engine.services(project)
    if service is not None and service not in splits:
        raise ServiceError(
            "NOT_FOUND",
            f"{project} has no service {service}",
            hint=f"Its services are: {', '.join(sorted(splits)) or 'none'}",
        )
    for name in [service] if service else splits:
        for version in engine.versions(project, name):
            share = splits[name].share(version.id)
            yield ListedVersion(project, name, share, version.resource)
