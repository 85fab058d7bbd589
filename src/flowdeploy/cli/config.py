"""``flowdeploy config``: check the configuration; print its JSON Schema."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from flowdeploy.checks.findings import Finding, group_findings, line_for_people
from flowdeploy.cli.notes import print_note
from flowdeploy.cli.options import common_options
from flowdeploy.cli.session import Session, current_session
from flowdeploy.display.terminal import console_on, say
from flowdeploy.display.text import json_text
from flowdeploy.errors import ConfigError

if TYPE_CHECKING:
    from flowdeploy.config.values import Config
    from flowdeploy.steps.deploy.descriptor_folder import FileProblem

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
@click.option(
    "--strict",
    is_flag=True,
    help="Also refuse forgotten instances: descriptors without an instance, instances without"
    " a descriptor, and descriptors that are equal.",
)
@common_options()
def check(strict: bool) -> None:
    """Report every problem of the configuration and of the instances' descriptors at once,
    each with what to write instead."""
    from flowdeploy.config.loading import describe

    session = current_session()
    found, odd = _find(session, strict=strict)
    warnings = [*(() if found else _warnings(session.config)), *(str(each.problem) for each in odd)]
    if session.options.format == "json":
        _print_json(session, found, warnings)
        click.get_current_context().exit(ConfigError.exit_code if found else 0)
    if found:
        raise ConfigError(
            f"{session.config_path} has {len(found)} problem{'s' if len(found) > 1 else ''}",
            details=_group(found, lambda each: describe(each.file, each.problem)),
            hint="`flowdeploy config schema` describes the file to your editor.",
        )
    _confirm(session.config)
    for warning in (*_warnings(session.config), *_group(odd, lambda each: str(each.problem))):
        print_note(line_for_people(warning, verbose=session.options.verbose))


def _find(session: Session, *, strict: bool) -> tuple[list[FileProblem], list[FileProblem]]:
    """All problems, and what is odd; the descriptors are looked at if the rest is right."""
    from flowdeploy.config.loading import problems
    from flowdeploy.steps.deploy.descriptor_folder import (
        FileProblem,
        find_odd_descriptors,
        find_wrong_descriptors,
    )

    found = [FileProblem(session.config_path, each) for each in problems(session.config_path)]
    if found:
        return found, []
    odd = list(find_odd_descriptors(session.config))
    found = list(find_wrong_descriptors(session.config))
    return ([*found, *odd], []) if strict else (found, odd)


def _group(found: Sequence[FileProblem], line: Callable[[FileProblem], str]) -> list[str]:
    """A line for each problem, and one for equal ones of several instances."""
    groups = group_findings(Finding(each.instance, line(each)) for each in found)
    return [each if len(each.names) > 1 else each.message for each in groups]


@command.command("schema", epilog="Example:\n\n  flowdeploy config schema > schema.json")
@common_options()
def schema() -> None:
    """Print the configuration's JSON Schema, for editors."""
    from flowdeploy.config.models import schema as json_schema

    click.echo(json_text(json_schema()))


def _print_json(session: Session, found: Sequence[FileProblem], warnings: Sequence[str]) -> None:
    document = {
        "schema": 1,
        "config": str(session.config_path),
        "problems": [_to_json(each) for each in found],
        "warnings": list(warnings),
    }
    click.echo(json_text(document))


def _to_json(found: FileProblem) -> dict[str, str | int]:
    return {
        "file": str(found.file),
        "line": found.problem.position.line,
        "column": found.problem.position.column,
        "message": found.problem.message,
        "advice": found.problem.advice,
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


def _warnings(config: Config) -> list[str]:
    from flowdeploy.config.values import BucketRecords

    match config.records:
        case BucketRecords(own=False):
            return [SHORT_LIVED]
        case _:
            return []
