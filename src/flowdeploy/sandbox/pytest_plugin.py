"""Fixtures for those who test App Engine tooling of their own.

    # conftest.py
    pytest_plugins = ["flowdeploy.sandbox.pytest_plugin"]

    # test_mine.py
    def test_lists_versions(gae_sandbox):
        client = VersionsClient(
            transport="rest",
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": gae_sandbox.url},
        )
        …

``gae_sandbox`` is a running ``Sandbox`` of the test's own. What exists in it is said by
the fixture ``gae_sandbox_apps``, which a test module or a conftest may override.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App


@pytest.fixture
def gae_sandbox_apps() -> Sequence[App]:
    """One application, ``sandbox-1``, with a version ``1`` that is live."""
    return (App("sandbox-1"),)


@pytest.fixture
def gae_sandbox(tmp_path: Path, gae_sandbox_apps: Sequence[App]) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox", gae_sandbox_apps) as sandbox:
        yield sandbox
