"""What one instance gets: the files, the Version, and what the user has said may be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdeploy.appyaml import AppYaml, version_body, with_settings
from flowdeploy.appyaml.manifest import Manifest
from flowdeploy.checks import Wanted
from flowdeploy.errors import Refused
from flowdeploy.executors.job import Orders
from flowdeploy.executors.staging import Source, Staged
from flowdeploy.plan import Deploy


@dataclass(frozen=True, slots=True)
class Package:
    """What is created. ``app`` has the instance's own settings.

    ``contents`` are files on this machine by their SHA-1, ``sources`` are buckets
    that have those of the manifest's files that are not here.
    """

    wanted: Wanted
    app: AppYaml
    manifest: Manifest
    contents: Mapping[str, Path]
    sources: tuple[Source, ...] = ()

    def body(self, bucket: str) -> dict[str, Any]:
        """The JSON of versions.create for files that are in ``bucket``."""
        return version_body(self.app, self.wanted.version, self.manifest, bucket)


def package_for(step: Deploy, staged: Staged, orders: Orders) -> Package:
    """The staged folder with the settings of the step's instance. Raises Refused."""
    instance = step.instance
    app = with_settings(staged.app, instance.settings, f"settings of {instance.id}")
    if app.service not in ("default", instance.service):
        raise Refused(
            f"{app.source} is for the service {app.service},"
            f" and {instance.id} is the service {instance.service}",
            hint="Write the instance's `service` in the configuration, or take it out of app.yaml.",
        )
    wanted = Wanted(
        str(step.version),
        step.traffic,
        {file.path: file.sha1 for file in staged.manifest.files},
        first_live=orders.first_live,
        replace=orders.replace,
        allow_older=orders.allow_older,
    )
    return Package(wanted, app, staged.manifest, staged.contents, staged.sources)
