"""Makes what the steps of a plan work with; each is loaded only where a plan needs it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from flowdeploy.config.values import HealthConfig, UploadMode
from flowdeploy.steps.context import Context
from flowdeploy.steps.stores import open_records

if TYPE_CHECKING:
    from flowdeploy.steps.configuration.update import ConfigurationUpdater
    from flowdeploy.steps.deploy.checks import DeployChecks
    from flowdeploy.steps.deploy.deploy import BeforeLive
    from flowdeploy.steps.publish.publish import LibraryPublisher
    from flowdeploy.steps.traffic.verify import AwaitConfiguration, Gate


def make_publishing(context: Context) -> LibraryPublisher:
    """Raises ServiceError where records are shared and there are no usable credentials."""
    from flowdeploy.steps.publish.publish import LibraryPublisher

    library = context.config.library
    assert library is not None  # noqa: S101  (without one no plan publishes)
    stores = open_records(context.config, context.clients, context.home)
    return LibraryPublisher(context, library.repository, stores.common)


def make_deploy_checks(context: Context, before_live: BeforeLive) -> DeployChecks:
    """``before_live`` does what is due between a live deploy's version and its traffic."""
    from flowdeploy.steps.deploy.checks import DeployChecks
    from flowdeploy.steps.deploy.upload.zip_uploader import make_zip_uploader

    checks = DeployChecks(context.clients, context.config.descriptors, before_live)
    if context.config.upload is UploadMode.ZIP:
        checks.make_uploader = partial(make_zip_uploader, context.run_folder)
    return checks


def make_gate(context: Context, await_configuration: AwaitConfiguration) -> Gate:
    from flowdeploy.steps.traffic.verify import Gate

    health = context.config.health
    if path := context.permissions.health_path:
        health = replace(health or HealthConfig(), path=path)
    return Gate(
        context.clients,
        await_configuration,
        health,
        own_descriptors=context.config.descriptors is not None,
        force=context.permissions.force,
    )


def make_configurator(context: Context) -> ConfigurationUpdater:
    """Raises ServiceError where records are shared and there are no usable credentials."""
    from flowdeploy.steps.configuration.restore import ConfigurationRestorer
    from flowdeploy.steps.configuration.update import ConfigurationUpdater
    from flowdeploy.steps.history import open_history

    history = open_history(context.config, context.clients, context.home)
    restorer = ConfigurationRestorer(history.require, context.permissions.force)
    return ConfigurationUpdater(context.clients, restorer, prune=context.config.prune_queues)
