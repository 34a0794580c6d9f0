"""EPIC-KITCHENS: boxes of its hand-object detections, or around VISOR's segments.

Both number extracted frames, at 50 or 60 per second. VISOR's numbers differ slightly from those of
the detections (its frame_mapping.json relates them), which is negligible for boxes.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from pathlib import Path
from typing import TypeVar

from egoactgen_bench.boxes.epic_detections import read_detections
from egoactgen_bench.boxes.named_boxes import Box, Boxes, Sample
from egoactgen_bench.boxes.visor_segments import Segment, boxes_of_action, read_segments
from egoactgen_bench.datasets.epic_frames import EXTRACTED_AT_60
from egoactgen_bench.errors import BenchError

NEAR = 0.5  # the maximum distance in seconds of a frame with boxes from the requested time
VISOR_SIZES = {"": (1920, 1080), "_interpolations": (854, 480)}

Found = TypeVar("Found", Box, Segment)


def read(folder: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    """(sample id, boxes) of the samples of an EPIC split, one video in memory at a time."""
    files = {path.name: path for path in [*folder.rglob("*.pkl"), *folder.rglob("*.json")]}
    if not files:
        raise BenchError(
            f"{folder} contains neither detections (*.pkl) nor VISOR's files (*.json)."
        )
    by_video: dict[str, list[Sample]] = {}
    for sample in samples:
        by_video.setdefault(sample["video_id"], []).append(sample)
    for video, wanted in by_video.items():
        if f"{video}.pkl" in files:
            yield from _detected(read_detections(files[f"{video}.pkl"]), _rate(video), wanted)
        else:
            yield from _segmented(_segments_of(video, files), _rate(video), wanted)


def _detected(
    frames: Mapping[int, tuple[Box, ...]], rate: int, samples: Sequence[Sample]
) -> Iterator[tuple[str, Boxes]]:
    for sample in samples:
        boxes = Boxes(*(_nearest(frames, sample[time], rate) for time in ("t_input", "t_target")))
        if boxes:
            yield sample["sample_id"], boxes


def _segmented(
    frames: Mapping[int, tuple[Segment, ...]], rate: int, samples: Sequence[Sample]
) -> Iterator[tuple[str, Boxes]]:
    for sample in samples:
        found = (_nearest(frames, sample[time], rate) for time in ("t_input", "t_target"))
        boxes = Boxes(*(boxes_of_action(segments, sample) for segments in found))
        if boxes:
            yield sample["sample_id"], boxes


def _rate(video: str) -> int:
    """Extracted frames per second: 50 for the extension's videos (P01_101 …), 60 for the others."""
    extension = len(video.partition("_")[2]) == 3
    return 50 if extension and video not in EXTRACTED_AT_60 else 60


def _nearest(frames: Mapping[int, tuple[Found, ...]], time: float, rate: int) -> tuple[Found, ...]:
    if isnan(time) or not frames:
        return ()
    number = min(frames, key=lambda number: abs((number - 1) / rate - time))
    return frames[number] if abs((number - 1) / rate - time) <= NEAR else ()


def _segments_of(video: str, files: Mapping[str, Path]) -> dict[int, tuple[Segment, ...]]:
    found: dict[int, tuple[Segment, ...]] = {}
    for suffix, size in reversed(VISOR_SIZES.items()):  # sparse frames are annotated by people
        path = files.get(f"{video}{suffix}.json")
        found |= read_segments(path, size) if path else {}
    return {number: segments for number, segments in found.items() if segments}
