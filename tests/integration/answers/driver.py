"""Runs a command in this process, with some of the answers that it gets made wrong."""

from __future__ import annotations

import signal
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from tests.fault_proxy import Asked, Fault, FaultProxy, Forward, Reply
from tests.integration.answers.bench import Bench, Command, endpoint_of
from tests.integration.answers.honesty import Ending, Healthy

from flowdeploy.cli.main import main


@dataclass
class Strike:
    """Strikes the first ``times`` answers of each endpoint in ``faults`` (None: all)."""

    faults: Mapping[str, Fault]
    times: int | None = None
    batches: bool = True
    struck: Counter[str] = field(default_factory=Counter)
    replies: defaultdict[str, list[tuple[Asked, Reply]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __call__(self, asked: Asked, forward: Forward) -> Reply | None:
        endpoint = endpoint_of(asked)
        if endpoint == "POST batch" and not self.batches:
            return Reply(404, (), b"")
        fault = self.faults.get(endpoint)
        if fault and (self.times is None or self.struck[endpoint] < self.times):
            self.struck[endpoint] += 1
            return fault(asked, forward)
        reply = forward()
        self.replies[endpoint].append((asked, reply))
        return reply


@dataclass
class Driver:
    """Commands on a bench, through a proxy. ``known`` is what they come to on good days."""

    bench: Bench
    proxy: FaultProxy
    capsys: pytest.CaptureFixture[str]

    def run(self, command: Command, strike: Strike) -> Ending:
        self.bench.go_to(command.scene)
        self.bench.remote.settings(operation_seconds=command.operation_seconds)
        self.proxy.heal()
        self.proxy.asked.clear()
        self.proxy.arm(strike)
        strike.batches = command.batches
        before = self.bench.facts()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(self.bench.arguments(command))
        for number, handler in handlers.items():
            signal.signal(number, handler)
        assert isinstance(end.value.code, int)
        out, err = self.capsys.readouterr()
        return Ending(command, end.value.code, out, err, before, self.bench.facts())

    def healthy(self, command: Command) -> Healthy:
        """What a command comes to where all answers are right."""
        if command not in self.bench.healthy:
            strike = Strike({})
            ending = self.run(command, strike)
            self.bench.healthy[command] = Healthy(ending.code, ending.after, strike.replies)
        return self.bench.healthy[command]
