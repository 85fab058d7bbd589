"""``flowdeploy config``: check the configuration; print its JSON Schema."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.session import Session, current_session
from flowdeploy.display.terminal import console_on, say
from flowdeploy.display.text import json_text
from flowdeploy.errors import ConfigError

if TYPE_CHECKING:
    from flowdeploy.appengine.forms.problems import Problem
    from flowdeploy.config.values import Config

# Source: the lifecycle rule that App Engine gives a staging bucket when it makes it.
SHORT_LIVED = (
    "records: are kept in UAT1's staging bucket, which deletes objects after 15 days:"
    " `records: gs://A-BUCKET-OF-YOURS/flowdeploy` keeps releases deployable and runs undoable"
)


@click.group("config")
@common_options()
def command() -> None:
    """Check the configuration; print its JSON Schema."""


@command.command("check", epilog="Example:\n\n  flowdeploy config check --config fleet.yaml")
@common_options()
def check() -> None:
    """Report every problem of the configuration at once, each with what to write instead."""
    from flowdeploy.config.loading import describe, problems

    session = current_session()
    found = problems(session.config_path)
    if session.options.format == "json":
        _print_json(session, found)
        click.get_current_context().exit(ConfigError.exit_code if found else 0)
    if found:
        raise ConfigError(
            f"{session.config_path} has {len(found)} problem{'s' if len(found) > 1 else ''}",
            details=[describe(session.config_path, problem) for problem in found],
            hint="`flowdeploy config schema` describes the file to your editor.",
        )
    _confirm(session.config)


@command.command("schema", epilog="Example:\n\n  flowdeploy config schema > schema.json")
@common_options()
def schema() -> None:
    """Print the configuration's JSON Schema, for editors."""
    from flowdeploy.config.models import schema as json_schema

    click.echo(json_text(json_schema()))


def _print_json(session: Session, found: Sequence[Problem]) -> None:
    document = {
        "schema": 1,
        "config": str(session.config_path),
        "problems": [_to_json(session.config_path, problem) for problem in found],
        "warnings": [] if found else _warnings(session.config),
    }
    click.echo(json_text(document))


def _to_json(path: Path, problem: Problem) -> dict[str, str | int]:
    return {
        "file": str(path),
        "line": problem.position.line,
        "column": problem.position.column,
        "message": problem.message,
        "advice": problem.advice,
    }


def _confirm(config: Config) -> None:
    production = config.fleet.production
    skipped = [instance for instance in production if instance.skip]
    console = console_on(sys.stdout, os.environ)
    say(
        console,
        f"{config.path} is valid: two UAT instances and {len(production)} in production,"
        f" {len(skipped)} of them skipped",
    )
    for instance in skipped:
        say(console, f"  {instance.id}: {instance.skip}")
    for warning in _warnings(config):
        print_note(warning)


def _warnings(config: Config) -> list[str]:
    from flowdeploy.config.values import BucketRecords

    match config.records:
        case BucketRecords(own=False):
            return [SHORT_LIVED]
        case _:
            return []
