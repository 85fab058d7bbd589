"""The application's own build: its commands, run in order by the shell.

Each command is the head of a session and process group of its own. Whatever
ends the command (its last line, a failure, a signal to us) ends the group.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from flowdeploy.config.values import BuildConfig
from flowdeploy.errors import ToolError
from flowdeploy.steps.toolchain import missing_tools

GRACE = 3.0
"""Seconds that a process group has between SIGTERM and SIGKILL."""
LINGER = 1.0
"""Seconds for which output is read that a command's children write after its end."""
_TAIL = 20
_MAX_LINE = 1 << 16
_TICK = 0.1

# By writing into these files a step of the CI says what later steps run with, which have
# the credentials that a build has not: GitHub's, and CircleCI's.
_OF_LATER_STEPS = frozenset(
    {"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "BASH_ENV"}
)
# What a credential's name has among its words, which underscores divide: Clojars, Google's
# and GitHub's actions, npm, Docker, and what everyone calls theirs. An SSH agent signs as its
# owner, so it counts as one; so does gcloud's folder, and the run's summary is not the
# build's to write. Any word that ends in KEY is taken for one: APIKEY, and then MONKEY too.
_CREDENTIAL = re.compile(
    r"""(.*_)? ([^_]*(TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|KEY)S?
    | PASS | CREDS? | AUTH | PAT) (_.*)? | CLOJARS_.* | CLOUDSDK_CONFIG | GITHUB_STEP_SUMMARY""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def build_environment(
    environ: Mapping[str, str],
    allowed: Sequence[str],
    variables: Mapping[str, str],
    pull_request: bool,
) -> dict[str, str]:
    """The environment of a build: ``environ`` without credentials, and ``variables``.

    A variable whose name looks like a credential's stays only if ``allowed``
    names it, and never for a pull request, which is code from outside. The
    files with which the CI's later steps are steered never stay.
    """
    spared = frozenset() if pull_request else frozenset(allowed)
    kept = {
        name: value
        for name, value in environ.items()
        if name not in _OF_LATER_STEPS and (name in spared or not _CREDENTIAL.fullmatch(name))
    }
    return kept | dict(variables)


def run_build(
    build: BuildConfig,
    *,
    environ: Mapping[str, str],
    variables: Mapping[str, str],
    pull_request: bool,
    log: Path,
    echo: Callable[[str], None],
) -> None:
    """Run the build's commands in order, up to the first one that fails.

    They see ``environ`` without credentials (see `environment`) and ``variables``.
    Every line of output goes to ``echo``, and every byte to the end of the file ``log``;
    nothing is made fit to be shown here. Raises ToolError: for programs that are missing,
    before anything runs; for a command that fails, with how it ended and its last lines.
    """
    seen = build_environment(environ, build.env, variables, pull_request)
    _require_tools(build, seen.get("PATH"))
    with log.open("ab", buffering=0) as record:
        for command in build.commands:
            echo(f"$ {_title(command)}")
            record.write(f"$ {command}\n".encode())
            tail: deque[str] = deque(maxlen=_TAIL)
            with _start(command, build.directory, seen) as process:
                for line in _lines(_record(_chunks(process), record)):
                    tail.append(line)
                    echo(line)
            if process.returncode != 0:
                raise ToolError(
                    f"`{_title(command)}` {_ending(process.returncode)}",
                    details=tail,
                    hint=f"All of its output is in {log}.",
                )


def _require_tools(build: BuildConfig, search_path: str | None) -> None:
    missing = missing_tools(build.commands, build.directory, search_path)
    if missing:
        raise ToolError(
            "the build needs programs that are not there",
            details=missing,
            hint="Install them or mend PATH; nothing has been run.",
        )


@contextmanager
def _start(
    command: str, directory: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The command, while it runs. On the way out, nothing of its group is left."""
    try:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(
            f"cannot start `{_title(command)}` in {directory}: {error.strerror}",
            hint="build.directory is the folder in which the commands run.",
        ) from error
    with process:
        try:
            yield process
            process.wait()
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command's group: SIGTERM, and SIGKILL for who is left after a while.

    SIGTERM also where Ctrl-C was pressed: shells let their background jobs ignore
    SIGINT. A second Ctrl-C cuts the while short.
    """
    deadline = time.monotonic() + GRACE
    try:
        _signal_group(process, signal.SIGTERM)
        while _signal_group(process, 0) and time.monotonic() < deadline:
            time.sleep(_TICK)
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal (or none: 0) to the command's group; whether any process is left in it."""
    process.poll()
    with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for one of zombies
        os.killpg(process.pid, number)
        return True
    return False


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Output as it comes, until its end, or a moment after the command's.

    The two may differ: a background child can keep the pipe open for ever.
    """
    assert process.stdout  # noqa: S101  it is a pipe
    deadline = float("inf")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if selector.select(_TICK):
                chunk = os.read(process.stdout.fileno(), _MAX_LINE)
                if not chunk:
                    return
                yield chunk
            if process.poll() is not None:
                deadline = min(deadline, time.monotonic() + LINGER)


def _record(chunks: Iterable[bytes], record: IO[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        record.write(chunk)
        yield chunk


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Text lines; what is not UTF-8 is replaced, and an endless line is cut into several."""
    decoder = io.IncrementalNewlineDecoder(
        codecs.getincrementaldecoder("utf-8")(errors="replace"), translate=True
    )
    rest = ""
    for chunk in chunks:
        *whole, rest = (rest + decoder.decode(chunk)).split("\n")
        if len(rest) >= _MAX_LINE:
            whole, rest = [*whole, rest], ""
        yield from whole
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest


def _title(command: str) -> str:
    first, *more = command.strip().splitlines()
    return f"{first} …" if more else first


def _ending(status: int) -> str:
    """How a process ended, in words. A shell reports its child's signal N as 128 + N."""
    number = -status if status < 0 else status - 128
    name = next((known.name for known in signal.Signals if known == number), None)
    if status < 0:
        return f"was ended by {name or f'signal {number}'}"
    return f"ended with exit status {status}" + (f" ({name})" if name else "")
