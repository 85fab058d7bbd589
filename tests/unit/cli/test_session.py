"""Who is said to have run flowdeploy."""

from __future__ import annotations

import os
import pwd

import pytest

from flowdeploy.cli.session import user_name


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that this machine has no name for."""

    def unknown(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("nameless")
@pytest.mark.parametrize(("actor", "name"), [(None, f"uid {os.getuid()}"), ("octocat", "octocat")])
def test_a_user_without_a_name_has_a_number(actor: str | None, name: str) -> None:
    assert user_name(actor) == name
