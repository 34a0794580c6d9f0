"""Extracted frames of EPIC-KITCHENS: folders or tar archives of numbered JPEGs."""

import tarfile
from collections.abc import Mapping
from functools import lru_cache
from math import floor
from pathlib import Path

from egoactgen_bench.api.records import FrameSource
from egoactgen_bench.errors import BenchError, SampleError

# According to EPIC_100_frame_counts.csv, these two videos of 50 fps were extracted at 60.
EXTRACTED_AT_60 = frozenset({"P01_109", "P27_103"})
_TOLERANCE = 0.001  # seconds; a time that is a rounding error before a frame selects that frame


class ExtractedFrames:
    """Frames under `folder`; `video_fps` maps video ids to the rates of EPIC_100_video_info.csv.

    Before extraction, videos of 50 fps were re-encoded at 50 fps and all others at 60; frames are
    numbered from 1 at that rate.
    """

    def __init__(self, folder: Path, video_fps: Mapping[str, float] | None) -> None:
        self.folder = folder
        self.video_fps = video_fps

    def at(self, video_id: str, time: float) -> FrameSource:
        """The frame on screen at `time` seconds.

        Raises `SampleError` `missing_video`, `target_after_end`, `missing_frame`, `undecodable`.
        """
        place = self._find(video_id)
        name = frame_name(time, self._rate(video_id))
        if place.is_dir():
            if (place / name).is_file():
                return FrameSource(place / name)
            raise _absent(name, [path.name for path in place.glob("frame_*.jpg")])
        members = _members(place)
        if name not in members:
            raise _absent(name, list(members))
        return FrameSource(place, member=members[name])

    def _find(self, video_id: str) -> Path:
        participant = video_id.partition("_")[0]
        for root in (self.folder, self.folder / "EPIC-KITCHENS"):
            for below in (f"{participant}/rgb_frames", "rgb_frames", participant, "."):
                place = root / below / video_id
                if place.is_dir():
                    return place
                archive = place.with_name(f"{video_id}.tar")
                if archive.is_file():
                    return archive
        raise SampleError("missing_video", video_id)

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


def _absent(name: str, present: list[str]) -> SampleError:
    last = max(present, default="")
    code = "target_after_end" if name > last else "missing_frame"
    return SampleError(code, f"{name}; last frame: {last or 'none'}")


@lru_cache(maxsize=4)
def _members(archive: Path) -> dict[str, str]:
    """File name → member name; archives differ in the folders before the file name."""
    try:
        with tarfile.open(archive) as tar:
            names = tar.getnames()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise SampleError("undecodable", f"{archive.name}: {error}") from None
    return {
        name.rpartition("/")[2]: name
        for name in names
        if name.rpartition("/")[2].startswith("frame_")
    }
