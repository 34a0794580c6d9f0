"""What tells that a file has changed, without reading it."""

import os
import stat
from pathlib import Path
from typing import NamedTuple


class FileState(NamedTuple):
    """A regular file's absolute path, size in bytes, and times in nanoseconds.

    ctime changes with every write, also of programs that restore the mtime, such as unpackers of
    archives; it also changes with names and permissions.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int


def state_of(path: Path) -> FileState | None:
    """The state of a file now, links followed; None for anything but a regular file.

    Raises `OSError` if it is missing.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return None
    return FileState(os.path.abspath(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns)  # noqa: PTH100
