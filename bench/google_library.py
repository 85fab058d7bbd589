"""CPU that google-cloud-appengine-admin takes: loading it, and each change beside plain JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from google.auth.credentials import AnonymousCredentials
from surroundings import Setting, projects, start_sandbox, table

from flowdeploy.clients.appengine import OPERATION, AppEngine
from flowdeploy.clients.google_api import JsonApi
from flowdeploy.clients.http import GoogleSession
from flowdeploy.planning.traffic import Split

CALLS = 50
SPLIT = Split.all_to("1")


def cpu_ms(call: Callable[[int], object]) -> str:
    """Milliseconds of one call; the first one, which opens connections, does not count."""
    call(0)
    begin = time.process_time()
    for number in range(1, CALLS + 1):
        call(number)
    return f"{(time.process_time() - begin) * 1000 / CALLS:.2f}"


def load_ms() -> str:
    begin = time.process_time()
    from google.cloud import appengine_admin_v1

    assert appengine_admin_v1.VersionsClient  # noqa: S101
    return f"{(time.process_time() - begin) * 1000:.0f}"


def version(name: str, files: int) -> Mapping[str, Any]:
    url = "https://storage.googleapis.com/b"
    entry = {"sha1Sum": "a" * 40, "sourceUrl": f"{url}/{'a' * 40}"}
    archive = {"zip": {"sourceUrl": f"{url}/a.zip"}}
    named = {"files": {f"static/{n}.bin": entry for n in range(files)}} if files else archive
    return {"id": name, "runtime": "java21", "deployment": named}


def main() -> None:
    rows = [("CALL", "LIBRARY_MS", "JSON_MS"), ("load", load_ms(), "-")]
    (project,) = projects(1)
    with start_sandbox(Setting(1, 0.0, 0.0)) as there:
        engine = AppEngine(there.url, GoogleSession(AnonymousCredentials(), 2))
        api = JsonApi(f"{there.url}/v1", GoogleSession(AnonymousCredentials(), 2))
        service = f"apps/{project}/services/default"
        for files in (0, 400):
            library = cpu_ms(
                lambda n, f=files: engine.create_version(project, "default", version(f"a{n}", f))  # type: ignore[misc]
            )
            plain = cpu_ms(
                lambda n, f=files: api.change(  # type: ignore[misc]
                    "POST", f"{service}/versions", version(f"b{n}", f), OPERATION
                )
            )
            rows.append((f"create a version, {files or 'zipped'} files", library, plain))
        body = {"split": {"allocations": {"1": 1.0}}}
        rows.append(
            (
                "move traffic",
                cpu_ms(lambda _: engine.set_split(project, "default", SPLIT)),
                cpu_ms(lambda _: api.change("PATCH", service, body, OPERATION, updateMask="split")),
            )
        )
    sys.stdout.writelines(f"{line}\n" for line in table(rows))


if __name__ == "__main__":
    main()
