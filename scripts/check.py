"""Check everything that CI checks: formatting, lints, types, imports, tests and coverage.

    python3 scripts/check.py [--fast] [pytest's arguments]

The first run creates .venv. Every check runs, even if an earlier one fails; the exit status is
that of the first failure. Slow tests are left out; `python3 scripts/check.py -m slow` runs them.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time
from typing import NamedTuple

from _environment import ROOT, ensure_environment

LINTS = [
    "ruff format --check .",
    "ruff check .",
    "mypy",
    "lint-imports --no-logo",
    "python scripts/measure.py",
]
ALL_TESTS = "pytest -n auto -m 'not slow' --cov --cov-report=term --cov-fail-under=90"


class Result(NamedTuple):
    command: str
    status: int
    seconds: float


def main() -> int:
    options, for_pytest = parse(sys.argv[1:])
    variables = ensure_environment()
    if "CI" in os.environ:
        variables["NO_COLOR"] = "1"
    commands = [*LINTS, test_command(options.fast, for_pytest)]
    results = [check(command, variables) for command in commands]
    print_summary(results)
    return next((result.status for result in results if result.status != 0), 0)


def parse(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description="Check everything that CI checks.",
        epilog="All other arguments are passed to pytest. Coverage is then not measured, since "
        "they may leave tests out.",
    )
    parser.add_argument("--fast", action="store_true", help="run the unit tests only")
    return parser.parse_known_args(words)


def test_command(fast: bool, for_pytest: list[str]) -> str:
    """The command of the tests. Only a run of all tests measures coverage: it has a threshold."""
    if not fast and not for_pytest:
        return ALL_TESTS
    return shlex.join(["pytest", *(["tests/unit"] if fast else []), *for_pytest])


def check(command: str, variables: dict[str, str]) -> Result:
    print(f"\n$ {command}", flush=True)
    started = time.monotonic()
    done = subprocess.run(shlex.split(command), cwd=ROOT, env=variables, check=False)
    return Result(command, done.returncode, time.monotonic() - started)


def print_summary(results: list[Result]) -> None:
    print()
    for command, status, seconds in results:
        verdict = "passed" if status == 0 else "FAILED"
        print(f"{verdict} {seconds:6.1f} s  {command}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
