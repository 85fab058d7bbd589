"""The instances' own appengine-web.xml, which replace the staged one."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdeploy.appengine.app_yaml import AppYaml, with_settings
from flowdeploy.appengine.app_yaml.descriptor import (
    DEPLOYED_AS,
    NAME,
    Descriptor,
    read,
)
from flowdeploy.appengine.app_yaml.descriptor_xml import WrongDescriptor, problem
from flowdeploy.appengine.forms.problems import Problem
from flowdeploy.appengine.manifest import File
from flowdeploy.checks.drift import first_names
from flowdeploy.checks.findings import Finding
from flowdeploy.config.regular_files import read_regular
from flowdeploy.config.values import DescriptorsConfig
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance

_PARTITION = re.compile(r"^[a-z]~")  # App Engine's own ids of applications have one


@dataclass(frozen=True, slots=True)
class InstanceDescriptor:
    """A descriptor: its path on this machine, the file to deploy, and its content."""

    path: Path
    file: File
    content: Descriptor


def require_folder(descriptors: DescriptorsConfig | None) -> None:
    """Raises Refused where the configured folder of descriptors does not exist."""
    if descriptors and not descriptors.directory.is_dir():
        raise Refused(
            f"the folder of descriptors {descriptors.directory} does not exist",
            hint="`descriptors` in the configuration names it: check it out there, or take the"
            " key out.",
        )


def own_descriptor(
    descriptors: DescriptorsConfig | None, instance: Instance
) -> InstanceDescriptor | None:
    """The instance's descriptor; None where no descriptors are configured.

    Raises Refused where it is missing, is no descriptor, is another instance's, or has a
    setting that cannot be carried over.
    """
    if descriptors is None:
        return None
    path = descriptors.directory / instance.id / NAME
    try:
        xml = read_regular(path)
    except OSError as error:
        raise Refused(
            f"{path} cannot be read: {error.strerror}",
            hint="Every instance that is not skipped has a descriptor of its own: add it, or"
            " skip the instance.",
        ) from error
    content = read(xml, str(path))
    if problems := tuple(_ownership_problems(content, instance, descriptors.alias)):
        what = f"is not the descriptor of {instance.id}"
        raise WrongDescriptor(str(path), what, problems, "Put the instance's own descriptor there.")
    digest = hashlib.sha1(xml, usedforsecurity=False).hexdigest()
    return InstanceDescriptor(path, File(DEPLOYED_AS, len(xml), digest), content)


def _ownership_problems(
    content: Descriptor, instance: Instance, alias: str | None
) -> Iterator[Problem]:
    """Why a descriptor is another instance's. No value of a property is in a message."""
    application = content.application
    if application and _PARTITION.sub("", application.value) not in {instance.id, instance.project}:
        yield problem(
            application.line,
            f"<application> is {application.value}, and {instance.id} is the project"
            f" {instance.project}",
            f"put its own descriptor there, or write {instance.project}",
        )
    if alias:
        found = content.properties.get(alias)
        own = " or ".join(sorted(instance.names))
        if found is None:
            yield problem(
                1, f"there is no system property {alias}", f"add it, with the value {own}"
            )
        elif found.value not in instance.names:
            yield problem(
                found.line,
                f"the system property {alias} is not that of {instance.id}",
                f"put its own descriptor there, or write {own}, or the value as its alias in the"
                " configuration",
            )
    if content.service not in (None, instance.service):
        yield problem(
            1,
            f"it is for the service {content.service}, and {instance.id} is the service"
            f" {instance.service}",
            "correct it, or the instance's service in the configuration",
        )


def find_equal_descriptors(
    descriptors: DescriptorsConfig | None, instances: Iterable[Instance]
) -> tuple[str, ...]:
    """A line for each descriptor that several instances have, byte for byte."""
    if descriptors is None:
        return ()
    having: dict[bytes, list[str]] = {}
    for instance in instances:
        path = descriptors.directory / instance.id / NAME
        with suppress(OSError):  # whoever needs it says that it is missing
            having.setdefault(read_regular(path), []).append(instance.id)
    return tuple(
        f"{first_names(names)} have the same {NAME}, byte for byte"
        for names in having.values()
        if len(names) > 1
    )


def apply_own_settings(app: AppYaml, instance: Instance, own: InstanceDescriptor | None) -> AppYaml:
    """app.yaml < the instance's descriptor < its settings in the configuration. Raises Refused."""
    if own:
        app = with_settings(app, own.content.settings_over(app), str(own.path))
    if instance.settings:
        app = with_settings(app, instance.settings, settings_source(instance))
    return app


def require_as_built(
    own: InstanceDescriptor | None, built: Mapping[str, Any] | None
) -> tuple[str, ...]:
    """Notes on what cannot be compared, since ``built`` is None: it is of an old record.

    Raises WrongDescriptor for what only the build could do for this instance.
    """
    if own is None or not own.content.built:
        return ()
    if built is None:
        names = " and ".join(f"<{name}>" for name in own.content.built)
        return (f"whether {names} of {NAME} is as in the build is not known: its record is old",)
    if problems := tuple(own.content.unlike_build(built)):
        what = "has settings that cannot be carried over to one instance"
        hint = "They are the build's for all instances."
        raise WrongDescriptor(str(own.path), what, problems, hint)
    return ()


def refusal_findings(instance: Instance, refused: Refused) -> list[Finding]:
    """A finding for each detail, which says where; else one for the whole error."""
    whole = " ".join(filter(None, (f"{refused.message}.", refused.hint)))
    lines = refused.details or (whole,)
    return [Finding(instance.id, line, instance.project) for line in lines]


def settings_source(instance: Instance) -> str:
    """The name of the instance's settings in the configuration, for messages and origins."""
    return f"settings of {instance.id}"
