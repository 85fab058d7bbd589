"""A process as others on its machine find it again, and see that it is gone.

Source: proc(5). A pid alone is given out again; together with the machine's boot, the PID
namespace and the time at which the process started it is nobody else's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
_STATE, _START = 0, 19  # fields 3 and 22 of /proc/PID/stat, counted from behind the name
_DEAD = frozenset("ZXx")  # killed, and its parent has not asked how it ended


@dataclass(frozen=True, slots=True)
class Process:
    """``boot`` is the machine's boot id, ``started`` is in clock ticks since the boot."""

    boot: str
    namespace: str
    pid: int
    started: int

    @classmethod
    def this(cls) -> Process | None:
        """None where there is no /proc, or where it is that of another PID namespace."""
        pid = os.getpid()
        try:
            if (PROC / "self").readlink().name != str(pid):
                return None
            boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
            return cls(boot, str((PROC / "self/ns/pid").readlink()), pid, int(_stat(pid)[_START]))
        except OSError:
            return None

    @classmethod
    def of_json(cls, document: Any) -> Process | None:
        """What `dataclasses.asdict` has written down; None for anything else."""
        match document:
            case {
                "boot": str(boot),
                "namespace": str(namespace),
                "pid": int(pid),
                "started": start,
            }:
                return cls(boot, namespace, pid, start) if isinstance(start, int) else None
        return None

    def is_gone(self) -> bool:
        """Whether it ran here and does not any more. What ran elsewhere is never known to be."""
        here = Process.this()
        if here is None or (here.boot, here.namespace) != (self.boot, self.namespace):
            return False
        try:
            stat = _stat(self.pid)
        except OSError:  # of other users' processes /proc may show nothing
            return not _exists(self.pid)
        return int(stat[_START]) != self.started or stat[_STATE] in _DEAD


def _stat(pid: int) -> list[str]:
    """The fields from the third one on. The second, in brackets, may hold spaces and brackets."""
    return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
