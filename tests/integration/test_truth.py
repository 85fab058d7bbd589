"""What flowdeploy says is what is so, whatever operations and answers said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fault_proxy import reset_after

if TYPE_CHECKING:
    from tests.fault_proxy import FaultProxy
    from tests.integration.conftest import Project

SERVICE = "/v1/apps/akvoflow-1/services/default"


def test_the_proxy_passes_on_what_it_does_not_change(fleet: Project, proxy: FaultProxy) -> None:
    proxy.arm(reset_after, "PATCH", SERVICE, times=1)
    report = fleet.report("promote", "v2", "akvoflow-1")
    assert report["exit_code"] == 0
    assert fleet.remote.live("akvoflow-1") == {"v2": 1}
    assert any(asked.method == "PATCH" for asked in proxy.asked)
