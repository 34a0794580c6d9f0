"""Finds the videos of a data set below a folder."""

from collections.abc import Sequence
from pathlib import Path

from egoactgen_bench.errors import BenchError

VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".webm")


def index_videos(folder: Path | None, patterns: Sequence[str]) -> dict[str, Path]:
    """File name without suffix → path, for all videos that match; earlier patterns take precedence.

    Listing the folders once is faster than testing every possible name of each video, and ignores
    the case of suffixes.
    """
    if folder is None:
        raise BenchError("Frames are cut from videos: pass --videos DIR, or --times-only.")
    if not folder.is_dir():
        raise BenchError(f"{folder} is not a folder: pass the folder of the videos as --videos.")
    found: dict[str, Path] = {}
    for pattern in patterns:
        # Sorted: the choice between two files of equal name must not depend on the file system.
        for path in sorted(folder.glob(pattern)):
            if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file():
                found.setdefault(path.stem, path)
    return found
