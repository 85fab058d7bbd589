"""Promotions, rollbacks and resumes of any fleet, on bad days, cut off anywhere, in any order.

What must hold is told from what the sandbox was asked, how it stands, and the raw records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, inf
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from flowdeploy.sandbox.state import App

if TYPE_CHECKING:
    from tests.integration.promotion.conftest import Asked, Ended, Served, Trap, World

UAT = "flow-uat1"
VERSIONS = ("v1", "v2", "v3")
WAVES = ("internal", "small", None)
UNITS = {"COOKIE": 1000, "IP": 100, "RANDOM": 100, "UNSPECIFIED": 1}
KILLED = -9
WELL = ("done", "unchanged")
TRIED = (*WELL, "failed")

MOVE, SERVICE = {"method": "PATCH"}, {"method": "GET", "target": "*/services/default"}
RECORD = {"method": "POST", "target": "/upload/*"}
FAULTS: list[dict[str, Any]] = [
    *({"kind": kind, **MOVE} for kind in ("permission", "unavailable", "reset", "reset-after")),
    {"kind": "conflict", **MOVE},
    {"kind": "operation-error", "method": "UpdateService"},
    *({"kind": kind, **SERVICE} for kind in ("permission", "unavailable")),
    *({"kind": kind, **RECORD} for kind in ("permission", "reset-after")),
]
faults = st.builds(
    lambda fault, after: {**fault, "after": after, "times": 1},
    st.sampled_from(FAULTS),
    st.integers(0, 8),
)
chosen = st.none() | st.sets(st.integers(0, 6), min_size=1, max_size=4)
jobs = st.sampled_from(["1", "2", "32"])
moments = st.integers(1, 16)
deaths = st.tuples(st.sampled_from(["kill-before", "kill-after"]), moments)
meddlers = st.tuples(st.integers(0, 5), st.sampled_from([0.25, 1.0]))
troubles = (
    st.none()
    | st.tuples(st.just("fault"), faults)
    | st.tuples(st.just("kill"), deaths)
    | st.tuples(st.just("meddle"), meddlers)
)
gradual = st.none() | st.sampled_from(
    [("10,50,100", "cookie"), ("0.1,99.9", "cookie"), ("33,100", "ip"), ("50", "ip")]
)


def precise(split: Served) -> bool:
    """Whether the shares are what the API can express, and all of the traffic."""
    shares, by = split
    units = [share * UNITS[by] for _, share in shares]
    whole = all(abs(each - round(each)) < 1e-6 and each >= 0 for each in units)
    return whole and abs(fsum(share for _, share in shares) - 1) < 1e-9


def alike(one: Served, other: Served) -> bool:
    """Whether users see no difference."""
    live = [{version: share for version, share in shares if share} for shares, _ in (one, other)]
    return live[0] == live[1] and (len(live[0]) < 2 or one[1] == other[1])


def of_record(split: Mapping[str, Any]) -> Served:
    return frozenset(split["allocations"].items()), split["shard_by"]


@dataclass(frozen=True, slots=True)
class Intent:
    at: str
    before: Served
    after: Served


@dataclass(slots=True)
class Record:
    """What the entries of a run say, read in their order, without what is known to be denied."""

    name: str
    kind: str
    started: str
    to_move: tuple[str, ...]
    goals: dict[str, Served]
    shares: dict[str, float]
    succeeded: bool
    intents: dict[str, list[Intent]] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)

    def is_reached(self, instance: str, now: Served) -> bool:
        """Whether this is what the run was to bring the instance to, at least."""
        ((version, _), *more), _ = self.goals[instance]
        if more or instance not in self.shares:
            return alike(now, self.goals[instance])
        return dict(now[0]).get(version, 0.0) >= self.shares[instance] - 1e-6

    def moment(self, instance: str) -> str:
        return self.intents[instance][0].at if instance in self.intents else self.started


def record_of(name: str, entries: Sequence[tuple[str, Any]]) -> Record:
    header = next(doc["header"] for _, doc in entries if "header" in doc)
    version = header["plan"]["version"]
    steps = [step for stage in header["plan"]["stages"] for step in stage["steps"]]
    moves = {p: s["instance"] for p, s in enumerate(steps) if s["action"] == "promote"}
    goals = {
        s["instance"]: of_record(s["split"])
        if "split" in s
        else (frozenset({(version, 1.0)}), "UNSPECIFIED")
        for s in steps
        if s["action"] == "promote"
    }
    shares = {s["instance"]: s["shares"][-1] / 100 for s in steps if "shares" in s}
    record = Record(
        name,
        header["plan"]["kind"],
        header["started"],
        tuple(moves.values()),
        goals,
        shares,
        succeeded=(entries[-1][1].get("report") or {}).get("outcome") == "succeeded",
    )
    found, ended = [], {}
    for entry, document in entries:
        session = int(entry[:3])
        found += [(session, each) for each in document.get("intents", ())]
        for ending in document.get("ended", ()):
            place = ending["place"]
            if place not in moves:
                continue
            ended[session, place] = ending
            if ending["outcome"] in TRIED or moves[place] not in record.outcomes:
                record.outcomes[moves[place]] = ending["outcome"]
    for session, each in found:
        if not _denied(ended.get((session, each["place"]))):
            change = each["change"]
            intent = Intent(each["at"], of_record(change["before"]), of_record(change["after"]))
            record.intents.setdefault(each["instance"], []).append(intent)
    return record


def _denied(ending: Mapping[str, Any] | None) -> bool:
    """Whether it is known that the step moved nothing after all."""
    if ending is None or ending["outcome"] in WELL:
        return False
    return ending["outcome"] != "failed" or ending["state"] not in ("live", "unknown")


def undo_of(instance: str, records: Sequence[Record]) -> tuple[Record, Intent] | None:
    """The run that a rollback is to undo here, with its first change; None: nothing."""
    moving = [r for r in records if r.kind != "rollback" and r.intents]
    dealt = [r for r in moving if instance in r.to_move]
    for record in sorted(dealt, key=lambda r: r.moment(instance), reverse=True):
        if instance in record.intents:
            return record, record.intents[instance][0]
        if record.outcomes.get(instance) != "unchanged":
            return None
    return None


def _locked(asked: Sequence[Asked]) -> float:
    """When a command was answered that it has the lock of production; never: infinity."""
    lock = ("write", "locks/production")
    return next((each.answered for each in asked if (each.what, each.subject) == lock), inf)


def fleet(waves: Sequence[str | None]) -> str:
    """The configuration of the UATs and so many production instances."""
    lines = [
        f"  - {{id: akvoflow-{number}, role: production{f', wave: {wave}' if wave else ''}}}"
        for number, wave in enumerate(waves, 1)
    ]
    return "\n".join(
        [
            "build: {commands: [], staging: target}",
            "rollout: {waves: [{name: internal}, {name: small, max: 1}]}",
            "instances:",
            f"  - {{id: {UAT}, role: uat1}}",
            "  - {id: flow-uat2, role: uat2}",
            *lines,
        ]
    )


class Promotions(RuleBasedStateMachine):
    """The fleet, and how it is to stand."""

    def __init__(self, make: Callable[[str, Sequence[App]], World], trap: type[Trap]) -> None:
        super().__init__()
        self._make = make
        self._trap = trap
        self.records: dict[str, Record] = {}

    @initialize(
        waves=st.lists(st.sampled_from(WAVES), min_size=2, max_size=5),
        lacking=st.none() | st.integers(0, 5),
    )
    def begin(self, waves: list[str | None], lacking: int | None) -> None:
        self.fleet = (UAT, *(f"akvoflow-{number + 1}" for number in range(len(waves))))
        apps = [
            App(project, versions=VERSIONS[:1] if number == lacking else VERSIONS[:2])
            for number, project in enumerate(self.fleet)
        ]
        self.world = self._make(fleet(waves), apps)
        self.serving = {(app.project, version) for app in apps for version in app.versions}
        for project in self.fleet:
            self.world.put_version(project, VERSIONS[2])
            self.serving.add((project, VERSIONS[2]))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()

    @rule(
        version=st.sampled_from(VERSIONS),
        who=chosen,
        jobs=jobs,
        steps=gradual,
        lenient=st.booleans(),
        trouble=troubles,
    )
    def promote(
        self,
        version: str,
        who: set[int] | None,
        jobs: str,
        steps: tuple[str, str] | None,
        lenient: bool,
        trouble: Any,
    ) -> None:
        words = ["promote", version, *self._named(who), "--jobs", jobs]
        if steps:
            words += ["--split", steps[0], "--split-by", steps[1]]
        if lenient:
            words += ["--skip-unready", "--max-failures", "100%"]
        ended = self._run(words, trouble)
        lacking = [p for p in self._targets(who) if (p, version) not in self.serving]
        if lacking and not lenient and trouble is None:
            assert (ended.code, self._moves(ended)) == (4, [])
        elif not lacking and trouble is None:
            assert ended.code == 0

    @rule(who=chosen, jobs=jobs, force=st.booleans(), trouble=troubles)
    def roll_back(self, who: set[int] | None, jobs: str, force: bool, trouble: Any) -> None:
        """Every instance comes back exactly, or nothing is changed anywhere."""
        before = self._served()
        undos = {p: undo_of(p, list(self.records.values())) for p in self._targets(who)}
        words = ["rollback", *self._named(who), "--jobs", jobs, *["--force"][:force]]
        ended = self._run(words, trouble)
        if trouble is not None:
            return
        found = {p: undo for p, undo in undos.items() if undo}
        allowed = all(self._may_undo(p, before[p], *undo, force) for p, undo in found.items())
        complete = bool(found) and (who is None or len(found) == len(undos))
        assert ended.code == (0 if complete and allowed else 4)
        back = {p: undo[1].before for p, undo in found.items()} if ended.code == 0 else {}
        for project, split in self._served().items():
            wanted = back.get(project, before[project])
            assert split == (before[project] if alike(before[project], wanted) else wanted)

    def _may_undo(
        self, project: str, present: Served, record: Record, first: Intent, force: bool
    ) -> bool:
        splits = [first.before, *(each.after for each in record.intents[project])]
        serving = all((project, v) in self.serving for v, share in first.before[0] if share)
        return serving and (force or any(alike(present, split) for split in splits))

    @precondition(lambda self: not all(each.succeeded for each in self.records.values()))
    @rule(index=st.integers(0, 20), home=st.sampled_from(["laptop", "ci"]), trouble=troubles)
    def resume(self, index: int, home: str, trouble: Any) -> None:
        open_ = sorted(name for name, record in self.records.items() if not record.succeeded)
        run = open_[index % len(open_)]
        ended = self._run(["resume", run, "--max-failures", "100%"], trouble, home)
        if ended.code == 0:
            served = self._served()
            for project in self.records[run].goals:
                assert self.records[run].is_reached(project, served[project])

    @rule(
        who=st.integers(0, 5),
        versions=st.permutations(VERSIONS[:2]),
        share=st.sampled_from([0.01, 0.25, 0.5, 1.0]),
        by=st.sampled_from(["IP", "COOKIE"]),
    )
    def meddle(self, who: int, versions: list[str], share: float, by: str) -> None:
        """Somebody else moves traffic."""
        pairs = zip(versions, (share, 1 - share), strict=True)
        project = self.fleet[who % len(self.fleet)]
        shares = {version: part for version, part in pairs if part}
        if all((project, version) in self.serving for version in shares):
            self.world.split(project, shares, by)

    @rule(who=st.integers(0, 5))
    def stop_or_start(self, who: int) -> None:
        """Somebody else stops a version that gets no traffic, or starts it again."""
        project, version = self.fleet[who % len(self.fleet)], VERSIONS[2]
        live = {v for v, share in self.world.served(project)[0] if share}
        if version not in live:
            serves = (project, version) in self.serving
            self.world.switch(project, version, "STOPPED" if serves else "SERVING")
            self.serving ^= {(project, version)}

    @rule(
        version=st.sampled_from(VERSIONS[:2]),
        jobs=jobs,
        at=moments,
        answer=st.sampled_from([["rollback", "all"], ["promote", "v1", "all"]]),
    )
    def take_over(self, version: str, jobs: str, at: int, answer: list[str]) -> None:
        """A run is held up; a second one takes its lock and works; then the first goes on."""
        trap = self._trap("freeze", at)
        first = self.world.begin("promote", version, "all", "--jobs", jobs, trap=trap)
        while not trap.sprung.wait(0.01) and not first.is_over():
            pass
        before = self._served()
        second = self.world.run(*answer, "--take-over", server=1, home="ci")
        trap.thawed.set()
        late = self.world.ended(first)
        self._judge(second, before, alone=False)
        self._judge(late, before, alone=False)
        held, taken = (_locked(each.asked) for each in (late, second))
        if held < taken:
            moves = [each for each in self._moves(late) if each.answered > taken]
            assert len(moves) <= int(jobs)

    def _named(self, who: set[int] | None) -> list[str]:
        return ["all"] if who is None else list(self._targets(who))

    def _targets(self, who: set[int] | None) -> tuple[str, ...]:
        if who is None:
            return self.fleet[1:]
        return tuple(sorted({self.fleet[index % len(self.fleet)] for index in who}))

    def _served(self) -> dict[str, Served]:
        return {project: self.world.served(project) for project in self.fleet}

    def _moves(self, ended: Ended) -> list[Asked]:
        return [each for each in ended.asked if each.what == "move"]

    def _run(self, words: list[str], trouble: Any, home: str = "laptop") -> Ended:
        before = self._served()
        trap = None
        match trouble:
            case "fault", fault:
                self.world.call("POST", "/_sandbox/faults", fault)
            case "kill", (act, at):
                trap = self._trap(act, at)
            case "meddle", (who, share):
                self._let_meddle(self.fleet[who % len(self.fleet)], share, before)
        ended = self.world.run(*words, home=home, trap=trap)
        self.world.watches[0].meddling = None
        self.world.call("DELETE", "/_sandbox/faults")
        self._judge(ended, before, alone=True)
        return ended

    def _let_meddle(self, project: str, share: float, before: dict[str, Served]) -> None:
        """Somebody else moves traffic between our look and our change, unless it is so."""
        shares = {v: s for v, s in (("v1", share), ("v2", 1 - share)) if s}
        wanted = frozenset(shares.items()), "IP"

        def act() -> None:
            can_be = all((project, version) in self.serving for version in shares)
            if can_be and not alike(before[project], wanted):
                self.world.split(project, shares, "IP")
                before[project] = self.world.served(project)

        self.world.watches[0].meddling = project, act

    def _judge(self, ended: Ended, before: Mapping[str, Served], *, alone: bool) -> None:
        """What must hold after every command."""
        assert ended.code in (0, 1, 3, 4, 5, KILLED), ended.err
        entries = self.world.entries()
        self.records = {name: record_of(name, found) for name, found in entries.items()}
        for move in self._moves(ended):
            self._require_seen(move, ended, before[move.subject])
        if ended.code != KILLED and alone:
            self._require_honest(ended, before)

    def _require_seen(self, move: Asked, ended: Ended, before: Served) -> None:
        """Precise, on record, and of what had no traffic only to what the gate saw to serve."""
        assert move.to is not None
        assert precise(move.to)
        earlier = [each for each in ended.asked if each.answered < move.came]
        for version in dict(move.to[0]).keys() - dict(before[0]).keys():
            assert f"{move.subject} {version}" in [a.subject for a in earlier if a.what == "look"]
            assert (move.subject, version) in self.serving
        written = {a.subject for a in earlier if a.what == "write"}
        afters = [
            of_record(intent["change"]["after"])
            for run, entries in self.world.entries().items()
            for name, document in entries
            if f"runs/{run}/{name}" in written
            for intent in document.get("intents", ())
            if intent["instance"] == move.subject
        ]
        assert move.to in afters

    def _require_honest(self, ended: Ended, before: Mapping[str, Served]) -> None:
        """The report is as the fleet stands, and the exit code as both."""
        report, now = ended.report, self._served()
        changed = {project for project in self.fleet if now[project] != before[project]}
        may_have_changed = set(changed)
        for project, step in ended.steps("promote").items():
            match step["outcome"], step["state"]:
                case "done", "live":
                    assert self.records[report["run"]].is_reached(project, now[project])
                    assert of_record(step["previous"]) == before[project]
                case "unchanged", "live":
                    assert project not in changed
                case "failed", "unknown" | "live":
                    may_have_changed.add(project)
                case outcome, state:
                    assert outcome in ("failed", "skipped", "not-started")
                    assert state in (None, "dark")
                    assert project not in changed
        well = report["error"] is None and all(s["outcome"] in WELL for s in report["steps"])
        assert (ended.code == 0) == well
        if not well:
            assert ended.code == 3 or (not changed and ended.code in (1, 4, 5))
            assert ended.code != 3 or may_have_changed


@pytest.fixture
def machine(
    world: Callable[[str, Sequence[App]], World], trap: type[Trap]
) -> Callable[[], Promotions]:
    return lambda: Promotions(world, trap)


PROFILE = settings(
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


def play(machine: Callable[[], Promotions], profile: settings) -> None:
    run_machine(machine, settings=profile)  # type: ignore[arg-type]  # it takes what makes one too


NOBODY: dict[str, Any] = {"jobs": "2", "trouble": None}
PROMOTE: dict[str, Any] = {"who": None, "steps": None, "lenient": False, **NOBODY}
ROLL_BACK: dict[str, Any] = {"who": None, "force": False, **NOBODY}
SLOWLY = ("10,50,100", "cookie")
DENIED = ("fault", {"kind": "permission", "method": "PATCH", "after": 2, "times": 1})
MOVED = {"who": 1, "versions": ["v1", "v2"], "share": 0.25, "by": "IP"}
STORIES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "gradually": [
        ("promote", {**PROMOTE, "version": "v2", "steps": SLOWLY}),
        ("roll_back", ROLL_BACK),
        ("roll_back", ROLL_BACK),
    ],
    "others move what is to come back": [
        ("promote", {**PROMOTE, "version": "v3"}),
        ("meddle", MOVED),
        ("roll_back", ROLL_BACK),
        ("roll_back", {**ROLL_BACK, "force": True}),
    ],
    "a split comes back": [
        ("meddle", MOVED),
        ("promote", {**PROMOTE, "version": "v3"}),
        ("roll_back", ROLL_BACK),
    ],
    "others move it right before": [
        ("promote", {**PROMOTE, "version": "v3", "trouble": ("meddle", (1, 0.25))}),
        ("promote", {**PROMOTE, "version": "v3"}),
        ("roll_back", ROLL_BACK),
    ],
    "a stopped version": [
        ("stop_or_start", {"who": 1}),
        ("promote", {**PROMOTE, "version": "v3"}),
        ("promote", {**PROMOTE, "version": "v3", "lenient": True}),
        ("roll_back", ROLL_BACK),
    ],
    "some fail, and again": [
        ("promote", {**PROMOTE, "version": "v2", "lenient": True, "trouble": DENIED}),
        ("promote", {**PROMOTE, "version": "v2"}),
        ("roll_back", ROLL_BACK),
    ],
    **{
        f"{act} at {at}": [
            ("promote", {**PROMOTE, "version": "v2", "trouble": ("kill", (act, at))}),
            ("resume", {"index": 0, "home": "ci", "trouble": None}),
            ("roll_back", ROLL_BACK),
        ]
        for act, at in (("kill-before", 5), ("kill-after", 5), ("kill-after", 7))
    },
    "taken over": [
        ("take_over", {"version": "v2", "jobs": "1", "at": 5, "answer": ["rollback", "all"]}),
        ("roll_back", ROLL_BACK),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_stories(machine: Callable[[], Promotions], story: str) -> None:
    told = machine()
    try:
        told.begin(waves=["internal", "small", None], lacking=None)
        for rule_, how in STORIES[story]:
            getattr(told, rule_)(**how)
    finally:
        told.teardown()


def test_whatever_happens_every_promise_holds(machine: Callable[[], Promotions]) -> None:
    play(machine, settings(PROFILE, max_examples=5, stateful_step_count=10))


@pytest.mark.slow
def test_whatever_happens_for_long(machine: Callable[[], Promotions]) -> None:
    play(machine, settings(PROFILE, max_examples=20, stateful_step_count=20))
