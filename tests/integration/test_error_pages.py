"""Pages of HTML in place of errors, as proxies and front ends send them, are one short line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fault_proxy import answer_instead

if TYPE_CHECKING:
    from tests.fault_proxy import FaultProxy
    from tests.integration.conftest import Project

PAGE = b"""<!DOCTYPE html>
<html lang=en>
  <meta charset=utf-8>
  <title>Blocked by
    the gateway</title>
  <style>* {margin: 0}</style>
  <p>Ask the help desk.
</html>
"""
HTML = ("Content-Type", "text/html; charset=utf-8")


def test_of_app_engine(project: Project, proxy: FaultProxy) -> None:
    proxy.arm(answer_instead(403, PAGE, HTML), "GET", "/v1/apps/akvoflow-1*")
    rows = project.run("status", "--format", "json").json
    [error] = [row["error"] for row in rows if row["error"]]
    path = "/v1/apps/akvoflow-1/services"
    assert error["message"] == f"GET {proxy.url}{path}: Blocked by the gateway"


def test_of_the_libraries_repository(project: Project, proxy: FaultProxy) -> None:
    proxy.arm(answer_instead(403, PAGE, HTML), "PUT", "/repo/*")
    report = project.report("run", "refs/heads/feature")
    assert report["exit_code"] == 1
    [publish] = [step for step in report["steps"] if step["action"] == "publish"]
    assert publish["error"]["message"] == "403 Forbidden: Blocked by the gateway"
