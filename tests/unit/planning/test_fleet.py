"""Selecting instances."""

from __future__ import annotations

import pytest

from flowdeploy.errors import UsageError
from flowdeploy.planning.fleet import Fleet, Instance, Role

UAT = Instance("uat", Role.UAT1, "project-uat")
ONE = Instance("one", Role.PRODUCTION, "project-1")
TWO = Instance("two", Role.PRODUCTION, "project-2", skip="closed")
FLEET = Fleet((ONE, UAT, TWO))


def test_instances_are_selected_in_the_fleets_order_each_once() -> None:
    assert FLEET.select(["two", "one", "two"]) == (ONE, TWO)
    assert FLEET.select([]) == ()
    assert FLEET["uat"] == UAT


def test_every_unknown_instance_is_named() -> None:
    with pytest.raises(UsageError, match="no such instance: four, three") as refused:
        FLEET.select(["three", "one", "four"])
    assert refused.value.hint
    with pytest.raises(UsageError, match="no such instance: three"):
        FLEET["three"]


def test_roles() -> None:
    assert FLEET.production == (ONE, TWO)
    assert FLEET.with_role(Role.UAT1) == (UAT,)
    assert FLEET.with_role(Role.UAT2) == ()
