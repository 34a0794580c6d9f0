"""Atomic replacement of files and folders, and removal of what killed processes left behind.

A temporary file or folder is locked by the process that writes to it. The lock ends with the
process, however that ends: the next process that writes to the same folder can tell an abandoned
temporary from one that is in use. Locks of folders, and with some mounts all locks, do not reach
other machines that share the file system: their temporaries count as abandoned after a day.
"""

import errno
import os
import platform
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked, and nothing abandoned is removed
    fcntl = None  # type: ignore[assignment]

# Hidden, so that no pattern matches it; with the machine (not in 0.1.0), and with a token, so that
# two processes never use the same one.
_TEMPORARY = re.compile(r"\..+\.([0-9a-f]{8})?[0-9a-f]{8}\.tmp", re.DOTALL)
_MACHINE = f"{zlib.crc32(platform.node().encode()):08x}"
_OLD = 86_400.0  # seconds
_searched: set[tuple[int, Path]] = set()  # processes, which may be forks, and folders


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`, which atomically replaces `path` on success."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path, Path.touch) as temporary:
        yield temporary
        with temporary.open("rb") as stream:
            # Otherwise the rename may reach the disk before the content, and a power failure would
            # leave an empty file.
            os.fsync(stream.fileno())
        temporary.replace(path)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it replaces `folder` and its contents."""
    with temporary_folder(folder.parent, folder.name) as temporary:
        new = temporary / "new" / folder.name
        new.mkdir(parents=True)
        yield new
        if folder.exists():
            # A folder cannot be renamed to one that is not empty. If the process is killed between
            # the two renames, the next one finds `old` and completes the second.
            folder.rename(temporary / "old")
        new.rename(folder)


@contextmanager
def temporary_folder(parent: Path, name: str = "work") -> Iterator[Path]:
    """Yield an empty folder in `parent` that is removed afterwards, if need be by the next call."""
    parent.mkdir(parents=True, exist_ok=True)
    with _temporary(parent / name, Path.mkdir) as temporary:
        yield temporary


@contextmanager
def _temporary(path: Path, create: Callable[[Path], None]) -> Iterator[Path]:
    """A locked temporary next to `path`, as a rename is atomic only within one file system."""
    remove_abandoned(path.parent)
    while True:
        temporary = path.parent / f".{path.name[:40]}.{_MACHINE}{secrets.token_hex(4)}.tmp"
        create(temporary)
        with _locked(temporary):
            # Another process may have removed it before it was locked.
            if temporary.exists():
                try:
                    yield temporary
                finally:
                    _remove(temporary)
                return


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Wait until no other process is in this block for the same folder, then enter it."""
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder.resolve()):
        yield


def remove_abandoned(parent: Path, *, again: bool = False) -> None:
    """Remove the temporaries in a folder whose process has ended.

    A process looks only once into each folder, unless it is to look `again`.
    """
    place = (os.getpid(), parent.absolute())
    if not parent.is_dir() or (place in _searched and not again):
        return
    _searched.add(place)
    with os.scandir(parent) as entries:
        named = ((entry, _TEMPORARY.fullmatch(entry.name)) for entry in entries)
        found = [(Path(entry), match[1]) for entry, match in named if match]
    for path, machine in found:
        # Others may remove it or write to it at the same time: then it is theirs.
        with suppress(OSError):
            here = machine in (None, _MACHINE)
            if here or time.time() - path.stat().st_mtime > _OLD:
                _remove_if_abandoned(path)


def _remove_if_abandoned(path: Path) -> None:
    with _locked(path, wait=False):
        for new in path.glob("new/*"):
            if (path / "old").exists() and not (path.parent / new.name).exists():
                new.rename(path.parent / new.name)  # killed between two renames
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file or folder; raises `OSError` if it is not free, unless to `wait`.

    Where files cannot be locked, nobody waits, and nothing is free.
    """
    if fcntl is None:
        if not wait:
            raise OSError(errno.ENOLCK, "files cannot be locked")
        yield
        return
    # Neither through a link nor waiting for a pipe: the name may be a stranger's.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        descriptor = None
    if descriptor is None:  # removed in between
        yield
        return
    try:
        if wait:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
