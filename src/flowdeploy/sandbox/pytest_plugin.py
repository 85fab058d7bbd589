"""Fixtures for tests of App Engine tools.

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

``gae_sandbox`` is a running ``Sandbox`` for one test. The fixture ``gae_sandbox_apps``
defines its applications; a test module or a conftest may override it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from flowdeploy.sandbox.server import Sandbox
from flowdeploy.sandbox.state import App


@pytest.fixture
def gae_sandbox_apps() -> Sequence[App]:
    """One application, ``sandbox-1``, with a live version ``1``."""
    return (App("sandbox-1"),)


@pytest.fixture
def gae_sandbox(tmp_path: Path, gae_sandbox_apps: Sequence[App]) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "sandbox", gae_sandbox_apps) as sandbox:
        yield sandbox
