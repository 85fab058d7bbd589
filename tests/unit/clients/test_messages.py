"""Google's types, loaded without the clients that come with them."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: others that run here load the whole library.
PROBE = """\
import sys
from flowdeploy.clients import cloud, storage
from flowdeploy.clients.messages import version_settings
print(*(m for m in ("grpc", "google.api_core", "google.cloud.storage") if m in sys.modules))
print(version_settings({"inboundServices": [9], "threadsafe": False}))
from google.cloud import appengine_admin_v1
print(appengine_admin_v1.VersionsClient.__name__, appengine_admin_v1.Version(id="v1").id)
from flowdeploy.clients import messages
print(messages._Version is appengine_admin_v1.Version)
"""


def test_types_come_alone_and_the_library_comes_after_them_as_if_nothing_had_been() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "",
        "{'threadsafe': False, 'inboundServices': ['INBOUND_SERVICE_WARMUP']}",
        "VersionsClient v1",
        "True",
    ]
