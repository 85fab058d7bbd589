"""A sample of the matrix that takes a moment: a promotion, and the worst answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.answers.mutations import mutations

if TYPE_CHECKING:
    from tests.fault_proxy import FaultProxy
    from tests.integration.conftest import Project

APP = "/v1/apps/akvoflow-1"
SERVICE = f"{APP}/services/default"
WORST = (
    *("a page afterwards", "an object that is deep", "other types", "many digits", "204"),
    *("an error without a message", "307 to elsewhere", "302 to no UTF-8", "a reset after"),
)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", WORST)
@pytest.mark.parametrize(("method", "path"), [("PATCH", SERVICE), ("GET", SERVICE), ("GET", APP)])
def test_a_promotion_tells_what_is_so(
    fleet: Project, proxy: FaultProxy, name: str, method: str, path: str
) -> None:
    proxy.arm(mutations("http://127.0.0.1:9")[name], method, path)
    report = fleet.report("promote", "v2", "akvoflow-1")
    is_moved = fleet.remote.live("akvoflow-1") == {"v2": 1}
    (step,) = (s for s in report["steps"] if s["action"] == "promote")
    assert report["exit_code"] in ({0, 3} if is_moved else {1, 3, 4})
    assert step["state"] in ({"live", "unknown"} if is_moved else {"dark", "unknown", None})
    assert report["exit_code"] != 3 or is_moved or step["state"] == "unknown"
    errors = [report["error"], *(s["error"] for s in report["steps"])]
    assert report["exit_code"] == 0 or any(errors)
