"""What the configuration beside app.yaml costs a fleet that needs no change of it.

    python3 bench/configure.py                  100 instances
    python3 bench/configure.py --instances 20 --json

Deploys and promotes one release to a fleet, once with an index.yaml of 75 indexes, a queue.yaml
of 12 queues, a cron.yaml of 8 jobs and a dispatch.yaml, and once without; then measures, with a
latency of 50 ms and operations of 2 s, the next release with the same files: the dark deploy,
the same again, the promotion, the same again, and the rollback. Prints the time of each process
with and without the files. Needs flowdeploy with its extra `sandbox`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy import compiled
from promote import Figures, behave, measure
from surroundings import COMMIT, Sandbox, Setting, configure, start_sandbox, table, write_files

FIRST, SECOND = "20200403-073034", "20200404-073034"
MOST = 8.0  # seconds that the files may cost
COMMANDS = {
    "deploy, dark": ("run", SECOND, "--prebuilt", *COMMIT),
    "deploy again": ("run", SECOND, "--prebuilt", *COMMIT),
    "promote": ("promote", SECOND, "all"),
    "promote again": ("promote", SECOND, "all"),
    "rollback": ("rollback", "all"),
}
HEAD = ("COMMAND", "INSTANCES", "WITHOUT_S", "WITH_S", "MORE_S", "CPU_MORE_S", "REQUESTS_MORE")


@dataclass(frozen=True, slots=True)
class Cost:
    """One command without the files and with them."""

    without: Figures
    files: Figures

    @property
    def more(self) -> float:
        """Seconds."""
        return self.files.wall - self.without.wall

    @property
    def row(self) -> tuple[str, ...]:
        return (
            self.files.command,
            str(self.files.instances),
            f"{self.without.wall:.1f}",
            f"{self.files.wall:.1f}",
            f"{self.more:.1f}",
            f"{self.files.cpu - self.without.cpu:.1f}",
            str(self.files.requests - self.without.requests),
        )


def configuration() -> Mapping[str, str]:
    """Files of the size of a large application's."""
    indexes = [
        f"- {{kind: Kind{number % 25}, ancestor: {'yes' if number % 4 == 0 else 'no'}, properties:"
        f" [{{name: owner{number % 3}}}, {{name: changed{number}, direction: desc}}]}}"
        for number in range(75)
    ]
    queues = [
        f"- {{name: queue-{number}, rate: {number}/s, bucket_size: {number + 4},"
        f" retry_parameters: {{task_retry_limit: {number}, min_backoff_seconds: 10}}}}"
        for number in range(1, 13)
    ]
    jobs = [
        f"- {{url: /cron/job{number}, schedule: every {number} hours, target: default,"
        f" description: job {number}}}"
        for number in range(1, 9)
    ]
    rules = ['- {url: "*/mobile/*", service: default}']
    parts = {"index": ("indexes", indexes), "queue": ("queue", queues), "cron": ("cron", jobs)}
    parts["dispatch"] = ("dispatch", rules)
    return {
        f"{name}.yaml": "\n".join([f"{key}:", *lines, ""]) for name, (key, lines) in parts.items()
    }


@contextmanager
def project(instances: int, files: Mapping[str, str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configure(folder, instances)
        staging = folder / "staging"
        staging.mkdir()
        write_files(staging, 20, 1000)
        for path, text in files.items():
            (staging / path).write_text(text)
        yield folder


def figures(instances: int, files: Mapping[str, str]) -> Iterator[Figures]:
    """All commands one after the other, on a fleet that has the first release live."""
    with start_sandbox(Setting(instances, 0.0, 0.0)) as there, project(instances, files) as folder:
        release(there, folder, instances)
        behave(there, latency=0.05, operation_seconds=2.0)
        for name, command in COMMANDS.items():
            yield measure(name, command, instances, there, folder)


def release(there: Sandbox, folder: Path, instances: int) -> None:
    for command in (("run", FIRST, "--prebuilt", *COMMIT), ("promote", FIRST, "all")):
        measure("first", command, instances, there, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--instances", type=int, action="append", help="[repeatable]")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    with compiled():
        for instances in options.instances or (100,):
            both = figures(instances, {}), figures(instances, configuration())
            for cost in map(Cost, *both):
                found.append(cost)
                sys.stderr.write(f"{'  '.join(cost.row)}\n")
    if options.json:
        sys.stdout.write(json.dumps([asdict(one) for one in found], indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in table([HEAD, *(one.row for one in found)]))
    if any(cost.more > MOST for cost in found):
        sys.exit(f"more than {MOST:.0f} s")


if __name__ == "__main__":
    main()
