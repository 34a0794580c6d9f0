"""Opens only regular files, and only those below a folder: data from others may name any path."""

import os
import stat
from io import BufferedReader, BufferedWriter
from pathlib import Path, PurePosixPath

from egoactgen_bench.errors import BenchError


class NotRegularError(OSError):
    """A FIFO, a socket, a device or a folder in the place of a file."""


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; `NotRegularError` for a FIFO, a device or a folder."""
    # Without O_NONBLOCK, opening a FIFO waits for somebody to write to it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(None, "not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path) -> bytes:
    """The content of a regular file; `NotRegularError` for anything else."""
    with open_regular(path) as stream:
        return stream.read()


def append_regular(path: Path) -> BufferedWriter:
    """Open a regular file for appending, and create it if necessary.

    `NotRegularError` for a FIFO, a device or a folder, `OSError` for a link, which may lead
    anywhere.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    if path.exists() and not path.is_file():  # opening a FIFO that nobody reads fails otherwise
        raise NotRegularError(None, "not a regular file", str(path))
    return os.fdopen(os.open(path, flags, 0o666), "ab")


def reason(error: OSError) -> str:
    """Why a file cannot be read, without its path: `Permission denied`."""
    return error.strerror or str(error)


def is_relative_name(name: str) -> bool:
    """Whether a recorded name is that of a file below a folder, such as `images/a.png`."""
    parts = name.split("/")
    return (
        not any(part in ("", ".", "..") for part in parts)
        and "\\" not in name
        and "\0" not in name
        and not PurePosixPath(name).is_absolute()
        and max(map(len, parts)) < 256
    )


def owned_path(folder: Path, name: str) -> Path:
    """The path of the file `name` below `folder`; the file itself may be missing.

    Raises `BenchError` if the name is not that of a file below `folder`, or if a link on the way
    leads out of it. `folder` may itself be a link.
    """
    if not is_relative_name(name):
        raise BenchError(f"{folder} refers to {name[:80]!r}, which is not a file in it.")
    path = folder / name
    # Each part as text, as this is done for every image.
    text, linked = str(folder), False
    for part in name.split("/"):
        text = f"{text}/{part}"
        linked = linked or os.path.islink(text)  # noqa: PTH114
    if linked and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise BenchError(
            f"{path} is a link that leads out of {folder}: replace it by the file, or link the "
            "whole folder."
        )
    return path
