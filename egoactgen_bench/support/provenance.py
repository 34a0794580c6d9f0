"""Provenance of results: versions, devices, and hashes of files."""

import functools
import hashlib
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from egoactgen_bench import __version__
from egoactgen_bench.support.files import sha256_file


def versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """The versions of this toolkit, of Python, and of the named packages ("absent" if missing)."""
    found = {"egoactgen_bench": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def device_name(device: str) -> str:
    """`cpu` or `cuda` with the architecture of the CPU or the name of the GPU."""
    if device.startswith("cuda"):
        import torch

        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()})"


def files_in(path: Path) -> list[Path]:
    """The file `path` itself, or the files in the folder `path` and its subfolders, sorted.

    Without hidden files and documentation (*.md), which differ between downloads of the same
    weights, and which nothing reads: `.cache/` has the time of the download.
    """
    if path.is_file():
        return [path]
    return sorted(
        entry
        for entry in path.rglob("*")
        if entry.is_file()
        and entry.suffix != ".md"
        and not any(part.startswith(".") for part in entry.relative_to(path).parts)
    )


def hashes(files: Sequence[Path], root: Path | None = None) -> dict[str, str]:
    """sha256 by file name, relative to `root` (default: their common folder).

    A file is read again only if its size or modification time has changed.
    """
    if root is None:
        root = Path(os.path.commonpath([path.parent for path in files])) if files else Path()
    return {path.relative_to(root).as_posix(): content_digest(path) for path in files}


def content_digest(path: Path) -> str:
    """sha256 of a file, or of the names and contents of a folder's files.

    A file is read again only if its size or modification time has changed.
    """
    if path.is_file():
        # Cached, as one command needs the digest of the same large checkpoint several times.
        return _file_digest(path, path.stat().st_size, path.stat().st_mtime_ns)
    digest = hashlib.sha256()
    for file in files_in(path):
        digest.update(f"{file.relative_to(path)} {content_digest(file)}\n".encode())
    return digest.hexdigest()


@functools.cache
def _file_digest(path: Path, size: int, time: int) -> str:
    return sha256_file(path)
