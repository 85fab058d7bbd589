"""Plans from what the user, the configuration and the checkout say."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import click

from flowdeploy.cli.checkout import find_source
from flowdeploy.cli.options import Command
from flowdeploy.cli.parameters import only_option
from flowdeploy.cli.session import Session
from flowdeploy.config.regular_files import read_regular
from flowdeploy.config.values import Config
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.configure_steps import add_configuration_steps
from flowdeploy.planning.pipelines import Scope, plan_ref
from flowdeploy.planning.plan import Build, Plan
from flowdeploy.planning.refs import for_environment, parse_ref
from flowdeploy.steps.context import Source


@dataclass(frozen=True, slots=True)
class RefOptions:
    """The options from which the plan of a ref follows."""

    only: tuple[str, ...] = ()
    commit: str | None = None
    commit_time: str | None = None
    allow_dirty: bool = False


def ref_options(command: Command, *, narrows: bool = True) -> Command:
    """The argument REF and the options of `RefOptions`, for commands that plan a ref.

    ``narrows``: with ``--only``.
    """
    for decorate in reversed(
        (
            click.argument("ref"),
            *((only_option,) if narrows else ()),
            click.option(
                "--commit",
                metavar="REV",
                help="Commit to build; in a checkout it must be HEAD.",
            ),
            click.option("--commit-time", metavar="RFC3339", help="The time of that commit."),
            click.option(
                "--allow-dirty", is_flag=True, help="Build tracked files that differ from HEAD."
            ),
        )
    ):
        command = decorate(command)
    return command


def plan_from_ref(session: Session, text: str, options: RefOptions) -> tuple[Plan, Source]:
    """The plan of a ref, and the source that it is built from.

    Raises UsageError for a ref, a commit or instances that cannot be meant.
    """
    config = session.config
    ref = for_environment(parse_ref(text, config.trunk), os.environ)
    source = find_source(
        ref,
        config.build.directory,
        options.commit,
        options.commit_time,
        allow_dirty=options.allow_dirty,
    )
    scope = replace(scope_of(config, options.only), library=_library_name(config))
    return plan_ref(ref, source.commit, scope), source


def add_known_configuration(plan: Plan, staging: Path) -> Plan:
    """The plan with the configuration files that an earlier build has left, if it builds."""
    from flowdeploy.steps.staging import configs_in

    if plan.configs is None and plan.has(Build) and staging.is_dir():
        return add_configuration_steps(plan, configs_in(staging))
    return plan


def scope_of(config: Config, only: tuple[str, ...] = ()) -> Scope:
    return Scope(
        config.fleet,
        only=only,
        waves=config.rollout.waves,
        publishes=config.library is not None,
    )


def _library_name(config: Config) -> str | None:
    """``group:artifact`` where the pom exists; a generated one is known after the build."""
    from flowdeploy.maven.pom import coordinates

    if config.library is None or not config.library.pom.is_file():
        return None
    try:
        return str(coordinates(read_regular(config.library.pom), str(config.library.pom)))
    except (FlowdeployError, OSError):
        return None  # the checks before the publish say what is wrong with it
