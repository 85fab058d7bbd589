"""What is wrong or odd in the folder of descriptors, for a check without a build."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flowdeploy.appengine.app_yaml.descriptor import NAME, read
from flowdeploy.appengine.app_yaml.descriptor_xml import WrongDescriptor, problem
from flowdeploy.appengine.forms.problems import Problem
from flowdeploy.config.loading import SKIP_MARKER
from flowdeploy.config.models import NAME as ID
from flowdeploy.config.regular_files import read_regular
from flowdeploy.config.values import Config
from flowdeploy.errors import Refused
from flowdeploy.steps.deploy.descriptors import find_equal_descriptors, own_descriptor


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A problem in a file, which need not exist; of an instance, or of a customer without one."""

    file: Path
    problem: Problem
    instance: str = ""


def find_wrong_descriptors(config: Config) -> Iterator[FileProblem]:
    """Everything for which a run would refuse the descriptors that are there."""
    for instance in config.fleet.instances:
        path = _folder(config) / instance.id / NAME
        if instance.skip or not path.exists():
            continue
        try:
            own_descriptor(config.descriptors, instance)
        except WrongDescriptor as wrong:
            yield from (FileProblem(path, each, instance.id) for each in wrong.problems)
        except Refused as refused:
            found = problem(1, refused.message, refused.hint or "")
            yield FileProblem(path, found, instance.id)


def find_odd_descriptors(config: Config) -> Iterator[FileProblem]:
    """Customers who may have been forgotten, and descriptors that may be copies."""
    folder = _folder(config)
    if config.descriptors is None or not folder.is_dir():
        return
    instances = config.fleet.instances
    present = {path.parent.name for path in folder.glob(f"*/{NAME}") if path.is_file()}
    for name in sorted(present - {instance.id for instance in instances}):
        if not (folder / name / SKIP_MARKER).exists():
            message = f"{name} has a descriptor and is no instance"
            found = problem(1, message, _line_to_add(folder, name))
            yield FileProblem(folder / name / NAME, found, name)
    for instance in instances if present else ():
        path = folder / instance.id / NAME
        if not instance.skip and instance.id not in present:
            message = f"{instance.id} has no descriptor, and others have one"
            advice = f'add {path}, or write `skip: "WHY"` at the instance'
            yield FileProblem(path, problem(1, message, advice), instance.id)
    for line in find_equal_descriptors(config.descriptors, instances):
        yield FileProblem(folder, problem(1, line, "give each its own"))


def _folder(config: Config) -> Path:
    return config.descriptors.directory if config.descriptors else Path()


def _line_to_add(folder: Path, name: str) -> str:
    if not re.match(ID, name):
        return "give the folder the id of an instance"
    project = ""
    with suppress(Refused, OSError):
        application = read(read_regular(folder / name / NAME), NAME).application
        if application and application.value != name:
            project = f", project: {application.value}"
    return f"add to instances: `- {{id: {name}{project}, role: production}}`"
