"""The standard streams: whoever stops to take what we write keeps no run from its end."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import IO, Any, TextIO

from flowdeploy.errors import FlowdeployError


class Unwritable(FlowdeployError):
    """Standard output does not take what was asked for."""

    code = "UNWRITABLE"


def secure() -> None:
    """Give the process streams that can be written to; called once, before anything else.

    Streams that are not the process's own, as in tests, stay as they are.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        # Closed by whoever started us: the next file opened would take its number.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    if sys.__stdout__ and sys.stdout is sys.__stdout__:
        sys.stdout = _on(sys.stdout, _Results)
    if sys.__stderr__ and sys.stderr is sys.__stderr__:
        sys.stderr = _on(sys.stderr, _Messages)


class _Messages(io.FileIO):
    """Written for whoever listens. Never raises: what cannot be written is dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


class _Results(io.FileIO):
    """What was asked for. A reader that leaves, as in ``… | head``, has seen enough.

    Raises Unwritable for all else, once: Python writes the rest again at its end.
    """

    _told = False

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if not self._told and not isinstance(error, BrokenPipeError):
                self._told = True
                raise Unwritable(f"cannot write to standard output: {error.strerror}") from error
            return len(data)


def _on(stream: TextIO, raw: Callable[[int, str, bool], io.RawIOBase]) -> TextIO:
    """A stream like ``stream``, on its descriptor, that writes by way of ``raw``."""
    os.set_blocking(stream.fileno(), True)  # our parent may share it, and want it otherwise
    file: IO[bytes] = io.BufferedWriter(raw(stream.fileno(), "w", False))
    return io.TextIOWrapper(
        file,
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=bool(stream.line_buffering),
    )
