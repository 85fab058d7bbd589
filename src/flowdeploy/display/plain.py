"""Progress as plain lines, one for each event, for logs and pipes."""

from rich.console import Console

from flowdeploy.display.terminal import say
from flowdeploy.display.text import clean_lines, duration, output_line
from flowdeploy.display.words import instance_name, result
from flowdeploy.planning.plan import Configure, Plan, Stage, action
from flowdeploy.report import Outcome, StepReport
from flowdeploy.rollout.contract import Listener


class PlainProgress(Listener):
    """Lines with columns for stage and instance, as wide as the plan needs."""

    def __init__(self, plan: Plan, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        self._stage_width = max((len(stage.name) for stage in plan.stages), default=0)
        self._name_width = max((len(instance_name(step)) for step in plan.steps), default=0)

    def stage_started(self, stage: Stage) -> None:
        self._say(stage.name, "", _beginning(stage))

    def stage_paused(self, stage: Stage) -> None:
        self._say(stage.name, "", f"pauses for {duration(stage.pause)}")

    def step_started(self, report: StepReport) -> None:
        if self._verbose:
            self._say_of(report, f"{action(report.step)} begins")

    def step_noted(self, report: StepReport, note: str) -> None:
        if self._verbose:
            self._say_of(report, note)

    def step_finished(self, report: StepReport) -> None:
        if _is_silent(report) and not self._verbose:
            return
        parts = [result(report), duration(report.seconds), report.url or "", error_line(report)]
        self._say_of(report, "  ".join(part for part in parts if part))

    def checking(self, done: int, total: int) -> None:
        if done in {0, total}:
            self._say("checks", "", f"{done} of {total} instances read")

    def build_line(self, text: str) -> None:
        say(self._console, output_line(text))

    def message(self, text: str) -> None:
        say(self._console, text)

    def _say_of(self, report: StepReport, text: str) -> None:
        self._say(report.stage, instance_name(report.step), text)

    def _say(self, stage: str, name: str, text: str) -> None:
        head = [stage.ljust(self._stage_width)]
        head += [name.ljust(self._name_width)] if name else []
        say(self._console, "  ".join([*head, text]))


def error_line(report: StepReport) -> str:
    """The error of a step in one line; empty if it has none."""
    if not report.error:
        return ""
    return f"{report.error.code}: {' '.join(clean_lines(report.error.message))}"


def _is_silent(report: StepReport) -> bool:
    """Configuration that needs no change is the rule: no line for it."""
    return isinstance(report.step, Configure) and report.outcome is Outcome.UNCHANGED


def _beginning(stage: Stage) -> str:
    count = len(set(filter(None, map(instance_name, stage.steps))))
    return f"begins, {count} instance{'s' if count > 1 else ''}" if count else "begins"
