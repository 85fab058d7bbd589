"""``flowdeploy library``: the checks before a publish, alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowdeploy.cli.options import common_options
from flowdeploy.cli.session import Session, current_session
from flowdeploy.clients import git
from flowdeploy.display.text import json_text
from flowdeploy.errors import UsageError
from flowdeploy.planning.plan import PlanKind
from flowdeploy.planning.refs import Ref, library_version

if TYPE_CHECKING:
    from flowdeploy.steps.publish.library import LibraryRelease

# Any will do where there is no checkout: only the form of a version is checked.
EXAMPLE_VERSION = "19700101-000000.00000000"


@click.group("library")
@common_options()
def command() -> None:
    """Check the library before it is published."""


@command.command("check", epilog="Example:\n\n  flowdeploy library check")
@common_options()
def check() -> None:
    """Report everything that would keep the library from being published, at once.

    Checks the jar, the pom and the account, as `run` does before the first byte. Works
    offline and changes nothing.
    """
    from flowdeploy.steps.publish import library as files
    from flowdeploy.steps.publish.publish import library_repository

    session = current_session()
    library = session.config.library
    if library is None:
        raise UsageError(
            f"{session.config.path} has no library",
            hint="Name its jar and its pom under `library`.",
        )
    repository = library_repository(library.repository, session.offline_endpoints)
    release = files.check_library(
        files.Library(library.jar, library.pom, library.classifier), _version(session), repository
    )
    _confirm(session, release, library.repository)


def _version(session: Session) -> str:
    checkout = git.Checkout.find(session.config.build.directory)
    head = Ref(PlanKind.FEATURE, "HEAD")
    return library_version(head, checkout.head) if checkout else EXAMPLE_VERSION


def _confirm(session: Session, release: LibraryRelease, repository: str) -> None:
    rows = [{"path": file.path, "bytes": file.checksums.size} for file in release.files]
    if session.options.format == "json":
        document = {"schema": 1, "library": str(release), "repository": repository}
        click.echo(json_text({**document, "files": rows}))
        return
    click.echo(f"{release} can be published to {repository}:")
    for file in release.files:
        click.echo(f"  {file}")
