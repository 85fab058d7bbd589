"""Plans as JSON: for people and programs to read, and to resume a run from."""

from collections.abc import Mapping
from typing import Any, assert_never

from flowdeploy.planning.fleet import Fleet
from flowdeploy.planning.plan import (
    Build,
    Configure,
    Deploy,
    Gradual,
    Phase,
    Plan,
    PlanKind,
    Promote,
    Publish,
    Skipped,
    Stage,
    StageKind,
    Step,
    Traffic,
    Verify,
    action,
    instance_of,
)
from flowdeploy.planning.traffic import Split
from flowdeploy.units import ALL, Portion


def plan_json(plan: Plan, target: str) -> dict[str, Any]:
    """The plan as JSON, ``schema`` 1."""
    return {
        "schema": 1,
        "target": target,
        "ref": plan.ref,
        "kind": str(plan.kind),
        "version": plan.version,
        "library_version": plan.library_version,
        "stages": [_stage_json(stage, plan.version) for stage in plan.stages],
        "skipped": [{"instance": s.instance, "reason": s.reason} for s in plan.skipped],
        "configs": None if plan.configs is None else list(plan.configs),
    }


def parse_plan(document: Mapping[str, Any], fleet: Fleet) -> Plan:
    """The plan that `plan_json` wrote, with the instances of ``fleet``.

    Raises UsageError for an instance that the fleet no longer has; KeyError, TypeError or
    ValueError if ``document`` is not a plan.
    """
    version = document["version"]
    configs = document.get("configs")  # absent in plans of early versions: not known yet
    return Plan(
        document["ref"],
        PlanKind(document["kind"]),
        version,
        tuple(_parse_stage(stage, version, fleet) for stage in document["stages"]),
        document["library_version"],
        tuple(Skipped(**skipped) for skipped in document["skipped"]),
        None if configs is None else tuple(configs),
    )


def step_json(step: Step, version: str | None = None) -> dict[str, Any]:
    """A step as JSON, without what follows from the plan's ``version``."""
    instance = instance_of(step)
    head = {"action": action(step), **({"instance": instance.id} if instance else {})}
    match step:
        case Build():
            return head
        case Publish(library, library_version):
            return {**head, "library": library, "version": library_version}
        case Deploy(traffic=traffic):
            own = {} if step.version == version else {"version": step.version}
            return {**head, **own, "traffic": str(traffic)}
        case Configure(phase=phase, undoes=runs):
            return {**head, "phase": str(phase), **({"undoes": list(runs)} if runs else {})}
        case Verify(_, to, expected):
            left = {"left": [split.as_json() for split in expected]} if expected else {}
            return {**head, **_split_json(to, version), **left}
        case Promote(_, to, gradual, run):
            undoes = {"undoes": run} if run else {}
            return {**head, **_split_json(to, version), **_gradual_json(gradual), **undoes}
        case _:
            assert_never(step)


def _stage_json(stage: Stage, version: str | None) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if stage.max != ALL:
        limits["max"] = str(stage.max)
    if stage.pause:
        limits["pause"] = stage.pause
    return {
        "name": stage.name,
        **limits,
        "steps": [step_json(step, version) for step in stage.steps],
    }


def _split_json(to: Split, version: str | None) -> dict[str, Any]:
    immediate = version is not None and to == Split.all_to(version)
    return {} if immediate else {"split": to.as_json()}


def _gradual_json(gradual: Gradual | None) -> dict[str, Any]:
    if gradual is None:
        return {}
    by = gradual.shard_by.lower()
    return {"shares": list(gradual.percents), "split_by": by, "pause": gradual.pause}


def _parse_stage(document: Mapping[str, Any], version: str | None, fleet: Fleet) -> Stage:
    kind, _, wave = document["name"].partition(":")
    return Stage(
        StageKind(kind),
        tuple(_parse_step(step, version, fleet) for step in document["steps"]),
        wave or None,
        Portion.parse(document["max"]) if "max" in document else ALL,
        float(document.get("pause", 0)),
    )


def _parse_step(document: Mapping[str, Any], version: str | None, fleet: Fleet) -> Step:
    match document["action"]:
        case "build":
            return Build()
        case "publish":
            return Publish(document["library"], document["version"])
        case "deploy":
            own = document.get("version", version)
            return Deploy(fleet[document["instance"]], own, Traffic(document["traffic"]))
        case "configure":
            undoes = tuple(document.get("undoes", ()))
            of = None if undoes else version
            return Configure(fleet[document["instance"]], Phase(document["phase"]), of, undoes)
        case "verify":
            left = tuple(Split.of_json(split) for split in document.get("left", ()))
            return Verify(fleet[document["instance"]], _parse_split(document, version), left)
        case "promote":
            to = _parse_split(document, version)
            gradual = _parse_gradual(document)
            return Promote(fleet[document["instance"]], to, gradual, document.get("undoes"))
        case other:
            raise ValueError(f"there is no step {other!r}")


def _parse_split(document: Mapping[str, Any], version: str | None) -> Split:
    if "split" in document:
        return Split.of_json(document["split"])
    return Split.all_to(version or "")


def _parse_gradual(document: Mapping[str, Any]) -> Gradual | None:
    if "shares" not in document:
        return None
    by = document["split_by"].upper()
    return Gradual(tuple(document["shares"]), by, document["pause"])
