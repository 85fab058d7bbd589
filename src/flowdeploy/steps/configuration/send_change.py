"""Sends one change of a project's configuration to its service."""

from collections.abc import Generator

from flowdeploy.appengine.config_files.changes import (
    Change,
    CreateCronJob,
    CreateIndex,
    CreateQueue,
    CronJobChange,
    DeleteCronJob,
    LeaveQueue,
    PauseCronJob,
    PauseQueue,
    QueueChange,
    ReplaceCronJob,
    ResumeCronJob,
    ResumeQueue,
    SetDispatch,
    UpdateQueue,
)
from flowdeploy.clients.cloud import GoogleClients
from flowdeploy.rollout.contract import LockCheck, Request
from flowdeploy.steps.change import UNKNOWN, fail_leaving, wait_for_operation


def send_change(
    cloud: GoogleClients, project: str, change: Change
) -> Generator[Request, None, None]:
    """Make a change, once; some take several requests.

    Raises ServiceError, after which the change may be in effect all the same; StepFailed
    where its operation was started and cannot be watched, or the lock was lost in between.
    """
    match change:
        case CreateIndex(body):
            cloud.datastore.create(project, body)
        case SetDispatch(rules):
            operation = cloud.engine.set_dispatch_rules(project, rules)
            with fail_leaving(UNKNOWN):
                operation = yield from wait_for_operation(cloud.engine, operation)
            if operation.error:
                raise operation.error
        case (
            CreateCronJob() | ReplaceCronJob() | DeleteCronJob() | PauseCronJob() | ResumeCronJob()
        ):
            yield from _send_cron_job(cloud, project, change)
        case _:
            yield from _send_queue(cloud, project, change)


def _send_queue(
    cloud: GoogleClients, project: str, change: QueueChange
) -> Generator[Request, None, None]:
    match change:
        case CreateQueue(name, body, mask, paused):
            cloud.tasks.put(project, name, body, mask)
            if paused:
                yield from _check_locks()
                cloud.tasks.pause(project, name)
        case UpdateQueue(name, body, mask):
            cloud.tasks.put(project, name, body, mask)
        case PauseQueue(name):
            cloud.tasks.pause(project, name)
        case ResumeQueue(name):
            cloud.tasks.resume(project, name)
        case LeaveQueue():
            pass


def _send_cron_job(
    cloud: GoogleClients, project: str, change: CronJobChange
) -> Generator[Request, None, None]:
    match change:
        case CreateCronJob():
            yield from _create_cron_job(cloud, project, change)
        case ReplaceCronJob(name):
            yield from _create_cron_job(cloud, project, change)
            yield from _check_locks()
            cloud.scheduler.delete(name)
        case DeleteCronJob(name):
            cloud.scheduler.delete(name)
        case PauseCronJob(name):
            cloud.scheduler.pause(name)
        case ResumeCronJob(name):
            cloud.scheduler.resume(name)


def _create_cron_job(
    cloud: GoogleClients, project: str, change: CreateCronJob | ReplaceCronJob
) -> Generator[Request, None, None]:
    name = cloud.scheduler.create(project, change.body)
    if change.paused:
        yield from _check_locks()
        cloud.scheduler.pause(name)


def _check_locks() -> Generator[Request, None, None]:
    """Between two requests: something has been changed already."""
    with fail_leaving(UNKNOWN):
        yield LockCheck()
