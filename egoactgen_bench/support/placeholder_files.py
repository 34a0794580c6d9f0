"""Refuses files that stand in the place of weights: pointers of Git LFS, web pages, empty files."""

from pathlib import Path

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.regular_files import open_regular

LFS = b"version https://git-lfs.github.com/spec/"
PAGES = (b"<!doctype html", b"<html", b"<?xml")


def refuse_placeholder(path: Path) -> None:
    """Raise `BenchError` for a file that was not downloaded; reads its first bytes only.

    A missing or unreadable file is left to the caller.
    """
    try:
        with open_regular(path) as stream:
            start = stream.read(256)
    except OSError:
        return
    if not start:
        raise BenchError(f"{path} is empty: download it again.")
    if start.startswith(LFS):
        raise BenchError(
            f"{path} is a pointer of Git LFS, not the file itself: run `git lfs pull` in its "
            "repository, or download the file."
        )
    if start.lstrip().lower().startswith(PAGES):
        raise BenchError(
            f"{path} is a web page that was saved under this name, perhaps an error message of the "
            "server: download the file again."
        )
