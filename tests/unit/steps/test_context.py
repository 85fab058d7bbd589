"""Who is said to have run flowdeploy."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from flowdeploy.steps.context import Site


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that this machine has no name for."""

    def unknown(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("nameless")
@pytest.mark.parametrize(
    ("environ", "user"), [({}, f"uid {os.getuid()}"), ({"GITHUB_ACTOR": "octocat"}, "octocat")]
)
def test_who_has_no_name_has_a_number(environ: dict[str, str], user: str) -> None:
    assert Site(environ, Path(), Path()).user == user
