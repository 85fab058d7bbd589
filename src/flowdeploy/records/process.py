"""Whether a process of this machine is gone, so that its run can be resumed at once.

Without this, a killed run keeps its lock for a minute. Source: proc(5). A pid is reused;
together with the machine's boot id, the PID namespace and the process's start time it is
unique.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
_STATE, _START = 0, 19  # fields 3 and 22 of /proc/PID/stat, counted from behind the name
_DEAD = frozenset("ZXx")  # a zombie has ended, too


@dataclass(frozen=True, slots=True)
class Process:
    """``boot`` is the machine's boot id, ``started`` is in clock ticks since the boot."""

    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Process | None:
        """None where there is no /proc, or where /proc is that of another PID namespace."""
        pid = os.getpid()
        try:
            if (PROC / "self").readlink().name != str(pid):
                return None
            boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
            return cls(
                boot, str((PROC / "self/ns/pid").readlink()), pid, int(_read_stat(pid)[_START])
            )
        except OSError:
            return None

    @classmethod
    def from_json(cls, document: Any) -> Process | None:
        """The process that `dataclasses.asdict` has written; None for anything else."""
        match document:
            case {
                "boot": str(boot),
                "namespace": str(namespace),
                "pid": int(pid),
                "started": int(started),
            }:
                return cls(boot, namespace, pid, started)
        return None

    def is_gone(self) -> bool:
        """Whether it ran on this machine and has ended. Of other machines nothing is known."""
        here = Process.current()
        if here is None or (here.boot, here.namespace) != (self.boot, self.namespace):
            return False
        try:
            stat = _read_stat(self.pid)
        except OSError:  # /proc may hide the processes of other users
            return not _exists(self.pid)
        return int(stat[_START]) != self.started or stat[_STATE] in _DEAD


def _read_stat(pid: int) -> list[str]:
    """The fields after the second, which is in brackets and may hold spaces and brackets."""
    return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
