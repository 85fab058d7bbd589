"""Reads the state of an instance for the checks and for `status`."""

from flowdeploy.checks.deploy import BeforeDeploy, InstanceStatus
from flowdeploy.clients.appengine import AppEngine
from flowdeploy.planning.fleet import Instance


def before_deploy(engine: AppEngine, instance: Instance, version: str) -> BeforeDeploy:
    """Everything that `checks.deploy_objections` looks at. Raises ServiceError."""
    app = engine.app(instance.project)
    if app is None:
        return BeforeDeploy(None)
    where = (instance.project, instance.service)
    splits = engine.services(instance.project)
    ids = {
        (service, each.id)
        for service in splits
        for each in engine.versions(instance.project, service)
    }
    there = (instance.service, version) in ids
    return BeforeDeploy(
        app,
        split=splits.get(instance.service),
        version_count=len(ids),
        deployed=engine.find_version(*where, version) if there else None,
    )


def instance_status(engine: AppEngine, instance: Instance) -> InstanceStatus:
    """The instance's traffic, versions and operations. Raises ServiceError."""
    splits = engine.services(instance.project)
    versions = {
        service: {each.id: each.created for each in engine.versions(instance.project, service)}
        for service in splits
    }
    under_way = engine.operations_under_way(instance.project)
    return InstanceStatus(
        splits.get(instance.service),
        versions.get(instance.service, {}),
        sum(map(len, versions.values())),
        tuple(operation.what or operation.name for operation in under_way),
    )
