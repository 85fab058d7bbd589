"""Plans from what the user, the configuration and the checkout say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import click

from flowdeploy.cli.checkout import Source, source_of
from flowdeploy.cli.options import Command
from flowdeploy.cli.parameters import Ids
from flowdeploy.cli.session import Session
from flowdeploy.config import Config
from flowdeploy.errors import FlowdeployError
from flowdeploy.planning.configure_steps import configured
from flowdeploy.planning.pipelines import Scope, plan_ref
from flowdeploy.planning.plan import Build, Plan
from flowdeploy.planning.refs import for_environment, parse_ref


@dataclass(frozen=True, slots=True)
class Given:
    """The options that a plan of a ref follows from."""

    only: tuple[str, ...] = ()
    commit: str | None = None
    commit_time: str | None = None
    allow_dirty: bool = False


def ref_options(command: Command) -> Command:
    """The argument REF and the options of `Given`, for commands that plan a ref."""
    for decorate in reversed(
        (
            click.argument("ref"),
            click.option(
                "--only",
                type=Ids(),
                multiple=True,
                callback=lambda _ctx, _param, given: tuple(i for ids in given for i in ids),
                help="Of production, work on these instances alone.  [repeatable, or a,b,c]",
            ),
            click.option(
                "--commit",
                metavar="REV",
                help="The commit that is built, where there is no git checkout; in one it must"
                " be HEAD, and says that HEAD is meant.",
            ),
            click.option("--commit-time", metavar="RFC3339", help="The time of that commit."),
            click.option(
                "--allow-dirty", is_flag=True, help="Build tracked files that differ from HEAD."
            ),
        )
    ):
        command = decorate(command)
    return command


def planned(session: Session, ref_text: str, given: Given) -> tuple[Plan, Source]:
    """The plan of a ref, and the source that it is built from.

    Raises UsageError for a ref, a commit or instances that cannot be meant.
    """
    config = session.config
    ref = for_environment(parse_ref(ref_text, config.trunk), os.environ)
    source = source_of(
        ref, config.root, given.commit, given.commit_time, allow_dirty=given.allow_dirty
    )
    return plan_ref(ref, source.commit, scope_of(config, given.only)), source


def foreseen(plan: Plan, staging: Path) -> Plan:
    """With what an earlier build has left to look at, if this plan builds."""
    from flowdeploy.steps.staging import configs_in

    if plan.configs is None and builds(plan) and staging.is_dir():
        return configured(plan, configs_in(staging))
    return plan


def builds(plan: Plan) -> bool:
    return plan.has(Build)


def scope_of(config: Config, only: tuple[str, ...] = ()) -> Scope:
    return Scope(
        config.fleet,
        only=only,
        waves=config.rollout.waves,
        publishes=config.library is not None,
        library=_library_name(config),
    )


def _library_name(config: Config) -> str | None:
    """``group:artifact`` where the pom is there; a generated one is known after the build."""
    from flowdeploy.maven.pom import coordinates

    if config.library is None or not config.library.pom.is_file():
        return None
    try:
        return str(coordinates(config.library.pom.read_bytes(), str(config.library.pom)))
    except (FlowdeployError, OSError):
        return None  # the checks before the publish say what is wrong with it
