"""Provenance of results: versions, devices, and hashes of files."""

import hashlib
import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from egoactgen_bench import __version__
from egoactgen_bench.support import kept_hashes


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

    A file is read again only if its size or times have changed.
    """
    if root is None:
        root = Path(os.path.commonpath([path.parent for path in files])) if files else Path()
    names = [path.relative_to(root).as_posix() for path in files]
    return dict(zip(names, kept_hashes.current().of(files), strict=True))


def content_digest(path: Path) -> str:
    """sha256 of a file, or of the names and contents of a folder's files.

    A file is read again only if its size or times have changed.
    """
    if path.is_file():
        return kept_hashes.current().of([path])[0]
    digest = hashlib.sha256()
    files = files_in(path)
    for file, sha256 in zip(files, kept_hashes.current().of(files), strict=True):
        digest.update(f"{file.relative_to(path)} {sha256}\n".encode())
    return digest.hexdigest()
