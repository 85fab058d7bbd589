"""The state of the live display as frozen data: each event makes a new view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flowdeploy.display.words import where
from flowdeploy.planning.plan import Plan, Stage
from flowdeploy.report import StepReport


@dataclass(frozen=True, slots=True)
class StageView:
    """The progress of a stage; times are of a monotonic clock."""

    total: int
    succeeded: int = 0
    failed: int = 0
    since: float | None = None
    until: float | None = None

    @property
    def finished_count(self) -> int:
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class Activity:
    """A step under way: its start, and its latest note."""

    since: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """``stages`` by name, in the plan's order; ``under_way`` by stage and instance, oldest first.

    A step without an instance has the name of its stage in place of the instance. Views
    never change, so that another thread can draw one while the next one is made.
    """

    stages: Mapping[str, StageView]
    under_way: Mapping[tuple[str, str], Activity] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> View:
        return cls({stage.name: StageView(len(stage.steps)) for stage in plan.stages})

    def start_stage(self, stage: Stage, now: float) -> View:
        """The stage has started; it may have got steps for configuration files."""
        known = replace(self.stages[stage.name], total=len(stage.steps), since=now)
        return self._with_stage(stage.name, known)

    def start_step(self, report: StepReport, now: float) -> View:
        return self._with_activity(_key(report), Activity(now))

    def add_note(self, report: StepReport, note: str) -> View:
        """Ignored after the end of the step: a note may come late, from another thread."""
        key = _key(report)
        if key not in self.under_way:
            return self
        return self._with_activity(key, replace(self.under_way[key], note=note))

    def finish_step(self, report: StepReport, now: float) -> View:
        stage = self.stages[report.stage]
        stage = replace(
            stage,
            succeeded=stage.succeeded + report.succeeded,
            failed=stage.failed + (not report.succeeded),
        )
        if stage.finished_count == stage.total:
            stage = replace(stage, until=now)
        return self._without_activity(_key(report))._with_stage(report.stage, stage)

    def update_checks(self, done: int, total: int, now: float) -> View:
        key = ("checks", "checks")
        if done == total:
            return self._without_activity(key)
        since = self.under_way[key].since if key in self.under_way else now
        return self._with_activity(key, Activity(since, f"{done} of {total} instances read"))

    def _with_stage(self, name: str, stage: StageView) -> View:
        return replace(self, stages={**self.stages, name: stage})

    def _with_activity(self, key: tuple[str, str], activity: Activity) -> View:
        return replace(self, under_way={**self.under_way, key: activity})

    def _without_activity(self, key: tuple[str, str]) -> View:
        return replace(self, under_way={k: a for k, a in self.under_way.items() if k != key})


def _key(report: StepReport) -> tuple[str, str]:
    return report.stage, where(report)
