"""Runs the application's build commands in order, each by the shell.

Each command leads a session and process group of its own, which ends with the command:
by its last line, by a failure, or by a signal to flowdeploy.
"""

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

from flowdeploy.clients.files import open_private
from flowdeploy.config.values import BuildConfig
from flowdeploy.errors import ToolError

GRACE = 3.0
"""Seconds between SIGTERM and SIGKILL for a process group."""
LINGER = 1.0
"""Seconds to read the output of a command's children after its end."""
_TAIL = 20
_MAX_LINE = 1 << 16
_TICK = 0.1
_NOT_FOUND = 127  # the exit status of a POSIX shell for a command that it does not find
_MISSING_PROGRAM = "A program is not installed, or not on PATH. "

# Files in which a CI step sets the environment of later steps, which have credentials that
# the build must not have: those of GitHub and of CircleCI.
_OF_LATER_STEPS = frozenset(
    {"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "BASH_ENV"}
)
# Variables that hold credentials or name files of them, by a word of their names: Clojars, the
# actions of Google and GitHub, npm, Docker, and common names. An SSH agent signs as its owner,
# so SSH_AUTH_SOCK counts, as does gcloud's folder; the run's summary is not for the build to
# write. Any word that ends in KEY counts: APIKEY, and therefore MONKEY.
_CREDENTIAL = re.compile(
    r"""(.*_)? ([^_]*(TOKEN|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|KEY)S?
    | PASS | CREDS? | AUTH | PAT) (_.*)? | CLOJARS_.* | CLOUDSDK_CONFIG | GITHUB_STEP_SUMMARY
    | .*(PWD|JWT|BEARER|WEBHOOK|DATABASE_URL|CONNECTION_STRING|KUBECONFIG|SERVICE_ACCOUNT).*
    | .*PRIVATE.* | .*_SK | NETRC""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_NO_CREDENTIALS = frozenset({"PWD", "OLDPWD", "GOPRIVATE"})
_SHORTEST_SECRET = 9  # characters; shorter ones are ordinary words, too
_MASK = "***"


def build_environment(
    environ: Mapping[str, str],
    allowed: Sequence[str],
    variables: Mapping[str, str],
    pull_request: bool,
) -> dict[str, str]:
    """The environment of a build: ``environ`` without `names_taken_out`, and ``variables``."""
    names = names_taken_out(environ, allowed, pull_request)
    return {name: value for name, value in environ.items() if name not in names} | dict(variables)


def names_taken_out(
    environ: Iterable[str], allowed: Sequence[str], pull_request: bool
) -> frozenset[str]:
    """The variables that a build does not get.

    A variable with the name of a credential is kept only if ``allowed`` lists it, and never
    for a pull request, whose code comes from outside. The files that set the environment of
    later CI steps are never kept.
    """
    spared = frozenset() if pull_request else frozenset(allowed)
    return frozenset(
        name
        for name in environ
        if name in _OF_LATER_STEPS or (_is_credential(name) and name not in spared)
    )


def mask_for(environ: Mapping[str, str]) -> Callable[[str], str]:
    """Hides the values of variables with the names of credentials in a line of text.

    Not those of files' paths, and none under 9 characters. Of a value with several lines,
    each line is hidden.
    """
    values = [v for name, v in environ.items() if _is_credential(name) and not os.path.exists(v)]  # noqa: PTH110
    lines = {line.strip() for value in values for line in value.splitlines()}
    secrets = sorted((s for s in lines if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)
    if not secrets:
        return str
    found = re.compile("|".join(map(re.escape, secrets)))
    return lambda line: found.sub(_MASK, line)


def _is_credential(name: str) -> bool:
    return name not in _NO_CREDENTIALS and bool(_CREDENTIAL.fullmatch(name))


def run_build(
    build: BuildConfig,
    *,
    environ: Mapping[str, str],
    variables: Mapping[str, str],
    pull_request: bool,
    log: Path,
    echo: Callable[[str], None],
) -> None:
    """Run the build's commands in order; stop at the first that fails.

    Their environment is that of `build_environment`. ``echo`` gets each line of output, with
    credentials masked as by `mask_for`; the file ``log`` gets every byte. Raises ToolError for
    a command that fails, with its last lines.
    """
    mask = mask_for(environ)

    def say(line: str) -> None:
        echo(mask(line))

    visible = build_environment(environ, build.env, variables, pull_request)
    with open_private(log, "ab", 0) as record:
        for command in build.commands:
            say(f"$ {_title(command)}")
            record.write(f"$ {command}\n".encode())
            status, tail = _run_command(command, build.directory, visible, record, say)
            if status != 0:
                cause = _MISSING_PROGRAM if status == _NOT_FOUND else ""
                raise ToolError(
                    f"`{_title(command)}` {_ending(status)}",
                    details=[mask(line) for line in tail],
                    hint=f"{cause}All of its output is in {log}.",
                )


def _run_command(
    command: str,
    directory: Path,
    environ: Mapping[str, str],
    record: IO[bytes],
    echo: Callable[[str], None],
) -> tuple[int, Sequence[str]]:
    """The exit status of a command, and its last lines of output."""
    tail: deque[str] = deque(maxlen=_TAIL)
    with _start(command, directory, environ) as process:
        for line in _lines(_chunks(process, record)):
            tail.append(line)
            echo(line)
    return process.returncode, tuple(tail)


@contextmanager
def _start(
    command: str, directory: Path, environ: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command; at the end of the context its process group is ended."""
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
            hint="`build.directory` names the folder in which the commands run.",
        ) from error
    with process:
        try:
            yield process
            process.wait()
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command's group with SIGTERM, then SIGKILL after `GRACE` seconds.

    SIGTERM is needed after Ctrl-C, too: shells let their background jobs ignore SIGINT. A
    second Ctrl-C ends the wait.
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
    """Send a signal (0: none) to the command's group; whether it still has a process."""
    process.poll()
    with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(process.pid, number)
        return True
    return False


def _chunks(process: subprocess.Popen[bytes], record: IO[bytes]) -> Iterator[bytes]:
    """The output as it comes, until its end, or for `LINGER` seconds after the command's.

    Writes it to ``record``, too. The two ends may differ: a background child can keep the
    pipe open forever.
    """
    assert process.stdout  # noqa: S101  it is a pipe
    deadline = float("inf")
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            ready = selector.select(_TICK)
            chunk = os.read(process.stdout.fileno(), _MAX_LINE) if ready else b""
            if ready and not chunk:
                return
            record.write(chunk)
            yield chunk
            if process.poll() is not None:
                deadline = min(deadline, time.monotonic() + LINGER)


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a text; invalid UTF-8 is replaced, and an overlong line is split."""
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
    """Describes how a process ended. A shell reports signal N of its child as 128 + N."""
    number = -status if status < 0 else status - 128
    name = next((known.name for known in signal.Signals if known == number), None)
    if status < 0:
        return f"was ended by {name or f'signal {number}'}"
    return f"ended with exit status {status}" + (f" ({name})" if name else "")
