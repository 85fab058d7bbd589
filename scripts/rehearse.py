"""Rehearse two releases and a rollback, against a stand-in for Google and Clojars.

    python3 scripts/rehearse.py [--keep DIR]

The first run makes .venv. The example application is copied to a git repository of its
own, in which the commands below run as a person would type them.
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
    words: str
    command: str


PREPARATION = [
    "git -c init.defaultBranch=master init --quiet",
    "git add .",
    'git commit --quiet --message "The first release"',
]

STEPS = [
    Step("A tag in this form asks for a release.", "git tag 20200403-073034"),
    Step("What the release would do:", "flowdeploy --sandbox plan 20200403-073034"),
    Step(
        "Build and test, publish the library, put UAT1 live and all of production dark:",
        "flowdeploy --sandbox run 20200403-073034",
    ),
    Step(
        "UAT1 looks good. A tag promote-… moves the traffic of all of production:",
        "flowdeploy --sandbox run promote-20200403-073034",
    ),
    Step("The next release.", 'git commit --quiet --allow-empty --message "The second release"'),
    Step("It has a tag of its own.", "git tag 20200406-101500"),
    Step("The same pipeline again:", "flowdeploy --sandbox run 20200406-101500"),
    Step(
        "Promotion without a tag, by version and instances:",
        "flowdeploy --sandbox promote 20200406-101500 all",
    ),
    Step(
        "It misbehaves. Promoting the version before it is the rollback:",
        "flowdeploy --sandbox promote 20200403-073034 all",
    ),
    Step(
        "One customer's versions: the first release serves, the second is there, dark.",
        "flowdeploy --sandbox versions --project akvoflow-23",
    ),
]

# Where a CI's variables speak of a pull request, flowdeploy rightly releases nothing.
NOT_INHERITED = ("CLOJARS_", "FLOWDEPLOY_", "GIT_", "GITHUB_", "SEMAPHORE_")

# The same commits, and so the same library versions, every time; no signing, no hooks.
GIT = {
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
        status = perform(step, number, folder, variables)
        if status != 0:
            print(f"\nStep {number} failed with status {status}. Look around in {folder}")
            return status
    finish(folder, keep=options.keep is not None)
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Rehearse two releases and a rollback with the example application."
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="work in this new folder, and leave it there"
    )
    return parser.parse_args()


def rehearsal_variables(variables: dict[str, str]) -> dict[str, str]:
    """The user's environment, without what would make the rehearsal something else."""
    kept = {name: value for name, value in variables.items() if not name.startswith(NOT_INHERITED)}
    return {**kept, **GIT}


def copy_example(keep: Path | None) -> Path:
    folder = keep.absolute() if keep else Path(tempfile.mkdtemp(prefix="flowdeploy-")) / "flow"
    try:
        shutil.copytree(EXAMPLE, folder, ignore=NOT_COPIED)
    except FileExistsError:
        sys.exit(f"{folder} exists already: name a new folder, or remove it")
    return folder


def perform(step: Step, number: int, folder: Path, variables: dict[str, str]) -> int:
    print(f"\n{number}. {step.words}\n\n$ {step.command}", flush=True)
    return subprocess.run(
        shlex.split(step.command), cwd=folder, env=variables, check=False
    ).returncode


def finish(folder: Path, *, keep: bool) -> None:
    print("\nThat was two releases and a rollback, over HTTP, by the code that talks to Google.")
    if keep:
        print(f"The application, its runs and the stand-in's state are in {folder}")
    else:
        shutil.rmtree(folder.parent)
        print("To look around afterwards: python3 scripts/rehearse.py --keep DIR")
    print("Next: README.md, and .venv/bin/flowdeploy --help")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
