"""Errors of many instances: equal ones are one, also where each names its own instance."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flowdeploy.display.outcome import failures
from flowdeploy.errors import FlowdeployError, Refused, ServiceError
from flowdeploy.planning.fleet import Instance, Role
from flowdeploy.planning.plan import Promote
from flowdeploy.planning.traffic import Split
from flowdeploy.report import Outcome, Report, StepReport


def _report(errors: list[FlowdeployError]) -> Report:
    names = [f"akvoflow-{number}" for number in range(len(errors))]
    steps = tuple(
        StepReport(
            "production",
            Promote(Instance(name, Role.PRODUCTION, name), Split.all_to("v2")),
            Outcome.FAILED,
            error=error,
        )
        for name, error in zip(names, errors, strict=True)
    )
    return Report("run", "google", None, datetime(2020, 4, 3, tzinfo=UTC), 1.0, steps)


def _error(number: int) -> ServiceError:
    name = f"akvoflow-{number}"
    return ServiceError(
        "PERMISSION_DENIED", f"no access to {name}", hint=f"gcloud … --project {name}"
    )


def test_many_that_name_themselves_are_one() -> None:
    ((names, error),) = failures(_report([_error(number) for number in range(7)]))
    assert len(names) == 7
    assert (error.code, error.message) == ("PERMISSION_DENIED", "no access to <id>")
    assert error.hint == "gcloud … --project <id>"


def test_few_keep_their_names_so_that_commands_can_be_copied() -> None:
    found = failures(_report([_error(0), _error(1)]))
    assert [error.hint for _, error in found] == [
        "gcloud … --project akvoflow-0",
        "gcloud … --project akvoflow-1",
    ]


@pytest.mark.parametrize("count", [2, 9])
def test_equal_errors_are_one(count: int) -> None:
    ((names, error),) = failures(_report([Refused("no")] * count))
    assert (len(names), error.message) == (count, "no")
