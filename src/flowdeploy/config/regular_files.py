"""Opens files that others have written: never what may have no end, as a pipe or a device."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

MOST_BYTES = 1 << 20

_KINDS = {
    stat.S_IFIFO: "it is a pipe",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
    stat.S_IFDIR: "it is a folder",
}


def open_regular(path: Path, accept_pipe: bool = False) -> BufferedReader:
    """Open a file to read. Raises OSError, also for what is no regular file.

    ``accept_pipe`` is for what a shell's ``<(…)`` names.
    """
    try:
        # Without O_NONBLOCK, this would wait for a writer of a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except ValueError as error:  # a null character, or one that no file's name has
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, _KINDS[stat.S_IFSOCK], str(path)) from error
        raise
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind != stat.S_IFREG and not (accept_pipe and kind == stat.S_IFIFO):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _KINDS.get(kind, "it is no regular file"), str(path))
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, accept_pipe: bool = False) -> bytes:
    """The content of a file that a person could have written. Raises OSError."""
    with open_regular(path, accept_pipe) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"it has more than {MOST_BYTES >> 10} KiB", str(path))
    return content
