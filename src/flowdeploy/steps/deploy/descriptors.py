"""The instances' own appengine-web.xml, which replace the staged one."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flowdeploy.appengine.app_yaml import AppYaml, with_settings
from flowdeploy.appengine.app_yaml.descriptor import DEPLOYED_AS, NAME, Descriptor, read
from flowdeploy.appengine.manifest import File
from flowdeploy.config.regular_files import read_regular
from flowdeploy.errors import Refused
from flowdeploy.planning.fleet import Instance


@dataclass(frozen=True, slots=True)
class InstanceDescriptor:
    """A descriptor: its path on this machine, the file to deploy, and its content."""

    path: Path
    file: File
    content: Descriptor


def require_folder(folder: Path | None) -> None:
    """Raises Refused where the configured folder of descriptors does not exist."""
    if folder and not folder.is_dir():
        raise Refused(
            f"the folder of descriptors {folder} does not exist",
            hint="`descriptors` in the configuration names it: check it out there, or take the"
            " key out.",
        )


def own_descriptor(folder: Path | None, instance: Instance) -> InstanceDescriptor | None:
    """The instance's descriptor; None where no descriptors are configured.

    Raises Refused where it is missing, is no descriptor, or has a setting that cannot be
    carried over.
    """
    if folder is None:
        return None
    path = folder / instance.id / NAME
    try:
        xml = read_regular(path)
    except OSError as error:
        raise Refused(
            f"{path} cannot be read: {error.strerror}",
            hint="Every instance that is not skipped has a descriptor of its own: add it, or"
            " skip the instance.",
        ) from error
    content = read(xml, str(path))
    if content.service not in (None, instance.service):
        raise Refused(
            f"{path} is for the service {content.service},"
            f" and {instance.id} is the service {instance.service}",
            hint="Correct the descriptor, or the instance's `service` in the configuration.",
        )
    digest = hashlib.sha1(xml, usedforsecurity=False).hexdigest()
    return InstanceDescriptor(path, File(DEPLOYED_AS, len(xml), digest), content)


def apply_own_settings(app: AppYaml, instance: Instance, own: InstanceDescriptor | None) -> AppYaml:
    """app.yaml < the instance's descriptor < its settings in the configuration. Raises Refused."""
    if own:
        app = with_settings(app, own.content.settings, str(own.path))
    if instance.settings:
        app = with_settings(app, instance.settings, settings_source(instance))
    return app


def settings_source(instance: Instance) -> str:
    """The name of the instance's settings in the configuration, for messages and origins."""
    return f"settings of {instance.id}"
