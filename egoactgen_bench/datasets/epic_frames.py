"""Extracted frames of EPIC-KITCHENS: folders or tar archives of numbered JPEGs."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import floor
from pathlib import Path
from typing import NamedTuple

from egoactgen_bench.api.records import FrameSource
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.tar_archives import member_names

# According to EPIC_100_frame_counts.csv, these two videos of 50 fps were extracted at 60.
EXTRACTED_AT_60 = frozenset({"P01_109", "P27_103"})
# Of EPIC-KITCHENS-100, flat, and of the original sequences (EPIC-KITCHENS-55)
_ROOTS = ("", "EPIC-KITCHENS", "frames_rgb_flow/rgb", "rgb")
_FOLDERS = (
    "{participant}/rgb_frames",
    "rgb_frames",
    "{participant}",
    "",
    "train/{participant}",
    "test/{participant}",
)
FRAME_PLACES = ("P01/rgb_frames", "rgb_frames", "P01", "train/P01", "test/P01")  # for messages
_ARCHIVES = (".tar", ".TAR", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
_SUFFIXES = (".jpg", ".JPG", ".jpeg", ".JPEG")
_FRAME = re.compile(r"(frame_\d{10})\.jpe?g", re.IGNORECASE)
_TOLERANCE = 0.001  # seconds; a time that is a rounding error before a frame selects that frame


class _Archive(NamedTuple):
    """The frames of an archive: `frame_0000000001` → member name; why the list is incomplete."""

    members: dict[str, str]
    damage: str


class ExtractedFrames:
    """Frames under `folder`; `video_fps` maps video ids to the rates of EPIC_100_video_info.csv.

    Before extraction, videos of 50 fps were re-encoded at 50 fps and all others at 60; frames are
    numbered from 1 at that rate.
    """

    def __init__(self, folder: Path, video_fps: Mapping[str, float] | None) -> None:
        self.folder = folder
        self.video_fps = video_fps
        self._places: dict[str, list[Path]] = {}

    def contain(self, video_id: str) -> bool:
        """Whether there is a folder or an archive of this video's frames."""
        return bool(self._find(video_id))

    def at(self, video_id: str, time: float) -> FrameSource:
        """The frame on screen at `time` seconds, from the first place that contains it.

        Raises `SampleError` `missing_video`, `target_after_end`, `missing_frame`, `undecodable`.
        """
        places = self._find(video_id)
        if not places:
            raise SampleError("missing_video", video_id)
        name = frame_name(time, self._rate(video_id))
        stem = name.partition(".")[0]
        last, damage = "", ""
        for place in places:
            if place.is_dir():
                for suffix in _SUFFIXES:
                    if (place / f"{stem}{suffix}").is_file():
                        return FrameSource(place / f"{stem}{suffix}")
                last = max(last, max(_frames_in(place), default=""))
                continue
            try:
                archive = _archive(place)
            except SampleError as error:
                damage = error.detail
                continue
            if stem in archive.members:
                return FrameSource(place, member=archive.members[stem])
            damage = archive.damage or damage
            last = max(last, max(archive.members, default=""))
        raise _absent(name, stem, last, damage, places)

    def _find(self, video_id: str) -> list[Path]:
        """All folders and archives of a video's frames."""
        if video_id not in self._places:
            participant = video_id.partition("_")[0]
            parents = [
                self.folder / root / below.format(participant=participant)
                for root in _ROOTS
                for below in _FOLDERS
            ]
            self._places[video_id] = [
                place for parent in parents if parent.is_dir() for place in _in(parent, video_id)
            ]
        return self._places[video_id]

    def _rate(self, video_id: str) -> int:
        if self.video_fps is None:
            raise BenchError(
                "Extracted frames are numbered at 50 or 60 fps, and EPIC_100_video_info.csv states "
                "which: put it into the folder of the annotations."
            )
        if video_id not in self.video_fps:
            raise SampleError("unknown_frame_rate", f"{video_id} is not in EPIC_100_video_info.csv")
        if round(self.video_fps[video_id]) == 50 and video_id not in EXTRACTED_AT_60:
            return 50
        return 60


def frame_name(time: float, rate: int) -> str:
    """The file of the frame on screen at `time` seconds; frame n is shown from (n − 1) / rate."""
    return f"frame_{floor((time + _TOLERANCE) * rate) + 1:010d}.jpg"


def _in(parent: Path, video_id: str) -> Iterator[Path]:
    if (parent / video_id).is_dir():
        yield parent / video_id
    for suffix in _ARCHIVES:
        if (parent / f"{video_id}{suffix}").is_file():
            yield parent / f"{video_id}{suffix}"


def _frames_in(folder: Path) -> Iterator[str]:
    names = (_FRAME.fullmatch(path.name) for path in folder.iterdir())
    return (match[1].lower() for match in names if match is not None)


def _absent(name: str, stem: str, last: str, damage: str, places: Sequence[Path]) -> SampleError:
    if damage:
        # It may have been in the part that cannot be read.
        return SampleError("undecodable", f"{damage}; without {name}")
    if not last:
        where = ", ".join(place.name for place in places)
        return SampleError("missing_frame", f"{name}; {where} contains no {frame_name(0, 60)}, …")
    code = "target_after_end" if stem > last else "missing_frame"
    return SampleError(code, f"{name}; last frame: {last}.jpg")


@lru_cache(maxsize=4)
def _archive(path: Path) -> _Archive:
    """The frames of an archive; archives differ in the folders before the file name."""
    names, damage = member_names(path)
    found = ((_FRAME.fullmatch(name.rpartition("/")[2]), name) for name in names)
    members = {match[1].lower(): name for match, name in found if match is not None}
    return _Archive(members, damage)
