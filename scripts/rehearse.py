"""Rehearse two releases and a rollback in the sandbox.

    python3 scripts/rehearse.py [--keep DIR]

The first run creates .venv. The script copies the example application to a new git repository,
and runs the commands below in it.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from _environment import ROOT, ensure_environment

EXAMPLE = ROOT / "examples" / "flow"
NOT_COPIED = shutil.ignore_patterns("target", ".flowdeploy", "__pycache__")


class Step(NamedTuple):
    title: str
    command: str


PREPARATION = [
    "git -c init.defaultBranch=master init --quiet",
    "git add .",
    'git commit --quiet --message "The first release"',
]

STEPS = [
    Step("Create a release tag.", "git tag 20200403-073034"),
    Step("Print the plan of the release.", "flowdeploy --sandbox plan 20200403-073034"),
    Step(
        "Build, test, publish the library, deploy to UAT1 live and to production dark.",
        "flowdeploy --sandbox run 20200403-073034",
    ),
    Step(
        "UAT1 is fine: a promote tag moves the traffic of all production instances.",
        "flowdeploy --sandbox run promote-20200403-073034",
    ),
    Step("Commit the next one.", 'git commit --quiet --allow-empty --message "The second release"'),
    Step("Create its release tag.", "git tag 20200406-101500"),
    Step("Run the same pipeline for it.", "flowdeploy --sandbox run 20200406-101500"),
    Step(
        "Promote it without a tag, by version and instances.",
        "flowdeploy --sandbox promote 20200406-101500 all",
    ),
    Step(
        "It has a bug: roll back, by promoting the version before it.",
        "flowdeploy --sandbox promote 20200403-073034 all",
    ),
    Step(
        "List a customer's versions: the first release is live, the second one dark.",
        "flowdeploy --sandbox versions --project akvoflow-23",
    ),
]

# With a CI's variables for a pull request, flowdeploy would not release anything.
NOT_INHERITED = ("CLOJARS_", "FLOWDEPLOY_", "GIT_", "GITHUB_", "SEMAPHORE_")

# The same commits, and so the same library versions, in every rehearsal; no signing, no hooks.
GIT_VARIABLES = {
    "GIT_AUTHOR_NAME": "Rehearsal",
    "GIT_AUTHOR_EMAIL": "rehearsal@example.org",
    "GIT_AUTHOR_DATE": "2020-04-03T07:30:34Z",
    "GIT_COMMITTER_NAME": "Rehearsal",
    "GIT_COMMITTER_EMAIL": "rehearsal@example.org",
    "GIT_COMMITTER_DATE": "2020-04-03T07:30:34Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def main() -> int:
    options = parse()
    if shutil.which("git") is None:
        sys.exit("This needs git, which is not on the PATH. Debian, Ubuntu: apt-get install git")
    variables = rehearsal_variables(ensure_environment())
    folder = copy_example(options.keep)
    print(f"\nThe example application is now a git repository of its own, {folder}")
    for command in PREPARATION:
        subprocess.run(shlex.split(command), cwd=folder, env=variables, check=True)
    for number, step in enumerate(STEPS, start=1):
        status = run_step(step, number, folder, variables)
        if status != 0:
            print(f"\nStep {number} failed with status {status}. Its files are in {folder}")
            return status
    print_end(folder, keep=options.keep is not None)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Rehearse two releases and a rollback with the example application."
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="work in this new folder, and keep it"
    )
    return parser.parse_args()


def rehearsal_variables(variables: dict[str, str]) -> dict[str, str]:
    """The user's environment, without the variables that would change the rehearsal."""
    others = {
        name: value for name, value in variables.items() if not name.startswith(NOT_INHERITED)
    }
    return {**others, **GIT_VARIABLES}


def copy_example(keep: Path | None) -> Path:
    folder = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="flowdeploy-")) / "flow"
    try:
        shutil.copytree(EXAMPLE, folder, ignore=NOT_COPIED)
    except FileExistsError:
        sys.exit(f"{folder} exists already: choose a new folder, or remove it")
    return folder


def run_step(step: Step, number: int, folder: Path, variables: dict[str, str]) -> int:
    print(f"\n{number}. {step.title}\n\n$ {step.command}", flush=True)
    return subprocess.run(
        shlex.split(step.command), cwd=folder, env=variables, check=False
    ).returncode


def print_end(folder: Path, *, keep: bool) -> None:
    print("\nThis was two releases and a rollback. The same code talks to Google.")
    if keep:
        print(f"The application, its runs and the sandbox's state are in {folder}")
    else:
        shutil.rmtree(folder.parent)
        print("To keep the files: python3 scripts/rehearse.py --keep DIR")
    print("Next: README.md, and .venv/bin/flowdeploy --help")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
