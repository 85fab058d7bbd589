"""Standard streams: a closed reader never stops a run, and no text of a log is a command."""

import io
import os
import sys
from typing import IO, Any, TextIO

from flowdeploy.cli.workflow_commands import CommandBreaker
from flowdeploy.errors import FlowdeployError


class Unwritable(FlowdeployError):
    """Standard output cannot be written to."""

    code = "UNWRITABLE"


def secure_streams() -> None:
    """Replace standard streams that could fail; called once, before anything else.

    Streams that are not the process's own, as in tests, stay as they are.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # The parent process has closed it: the next file opened would take its number.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    if sys.__stdout__ and sys.stdout is sys.__stdout__:
        sys.stdout = _wrap(sys.stdout, _Results)
    if sys.__stderr__ and sys.stderr is sys.__stderr__:
        sys.stderr = _wrap(sys.stderr, _Messages)


class _Output(io.FileIO):
    """Standard output or error; in a job of GitHub Actions its text is no command."""

    _breaker: CommandBreaker | None = None

    def put(self, data: Any) -> int:
        """Write all of ``data``; returns its length. Raises OSError."""
        rest = self._breaker.break_commands(bytes(data)) if self._breaker else memoryview(data)
        while rest:
            rest = rest[super().write(rest) :]
        return len(data)

    def break_commands(self) -> None:
        self._breaker = CommandBreaker()


class _Messages(_Output):
    """Standard error. Never raises: what cannot be written is dropped."""

    def write(self, data: Any) -> int:
        try:
            return self.put(data)
        except OSError:
            return len(data)


class _Results(_Output):
    """Standard output. A reader may leave early, as in ``… | head``: the rest is dropped.

    Any other failure raises Unwritable, once: Python writes the rest again at its end.
    """

    _has_raised = False

    def write(self, data: Any) -> int:
        try:
            return self.put(data)
        except OSError as error:
            if not self._has_raised and not isinstance(error, BrokenPipeError):
                self._has_raised = True
                raise Unwritable(f"cannot write to standard output: {error.strerror}") from error
            return len(data)


def _wrap(stream: TextIO, kind: type[_Output]) -> TextIO:
    """A stream like ``stream``, on its descriptor, that writes through a ``kind``."""
    os.set_blocking(stream.fileno(), True)  # the parent may have made it non-blocking
    raw = kind(stream.fileno(), "w", False)
    if os.environ.get("GITHUB_ACTIONS"):
        raw.break_commands()
    file: IO[bytes] = io.BufferedWriter(raw)
    return io.TextIOWrapper(
        file,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )
