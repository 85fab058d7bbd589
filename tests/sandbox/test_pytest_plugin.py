from __future__ import annotations

import requests

from flowdeploy.sandbox.server import Sandbox

pytest_plugins = ("flowdeploy.sandbox.pytest_plugin",)


def test_the_fixture_is_a_running_sandbox(gae_sandbox: Sandbox) -> None:
    services = requests.get(f"{gae_sandbox.url}/v1/apps/sandbox-1/services", timeout=5).json()
    assert [service["split"] for service in services["services"]] == [{"allocations": {"1": 1}}]
