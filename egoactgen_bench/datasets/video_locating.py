"""Finding a data set's videos below the folder that the user names."""

from collections.abc import Sequence
from pathlib import Path

from egoactgen_bench.errors import BenchError

VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".webm")


def index_videos(folder: Path | None, patterns: Sequence[str]) -> dict[str, Path]:
    """File name without suffix → video, for all videos that match; the first pattern wins.

    Listing the folders once is fast where asking for each video by every name would not be, and
    makes the suffix's case irrelevant.
    """
    if folder is None:
        raise BenchError("The frames are cut from videos: give --videos DIR, or --times-only.")
    if not folder.is_dir():
        raise BenchError(f"{folder} is not a folder; --videos names the folder of the videos.")
    found: dict[str, Path] = {}
    for pattern in patterns:
        # Sorted: which of two files of one name is taken must not depend on the file system.
        for path in sorted(folder.glob(pattern)):
            if path.suffix.lower() in VIDEO_SUFFIXES:
                found.setdefault(path.stem, path)
    return found
