"""EPIC-KITCHENS: boxes of its hand-object detections, or around VISOR's segments.

Detections: <video_id>.pkl, a pickled list of protobuf messages, one per extracted frame, with the
fields video_id = 1, frame_number = 2, hands = 3, objects = 4; a hand has bbox = 1, score = 2,
state = 3 (0: no contact), object_offset = 4 (x, y), side = 5 (0: left, 1: right); an object bbox
and score; a bbox left, top, right, bottom in [0, 1]. The class of an object is not given.

VISOR: <video_id>.json with 1920 × 1080 polygons of sparse frames, <video_id>_interpolations.json
with 854 × 480 ones: {"video_annotations": [{"image": {"name", …}, "annotations": [{"name",
"segments": [[[x, y], …], …]}]}]}.

Both number extracted frames, at 50 or 60 per second. VISOR's numbers differ slightly from those of
the detections (its frame_mapping.json relates them), which is negligible for boxes.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from egoactgen_bench.datasets.epic_frames import EXTRACTED_AT_60
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_lego.curation.named_boxes import Box, Boxes, Sample, normalised
from egoactgen_lego.curation.pickled_bytes import read_bytes_list

SCORE = 0.5  # the threshold that the detections' authors recommend for hands and objects
NEAR = 0.5  # the maximum distance in seconds of a frame with boxes from the requested time
VISOR_SIZES = {"": (1920, 1080), "_interpolations": (854, 480)}

Frames = dict[int, tuple[Box, ...]]  # frame number → its boxes


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
        frames, rate = _frames_of(video, files), _rate(video)
        for sample in wanted if frames else ():
            times = (sample["t_input"], sample["t_target"])
            boxes = Boxes(*(_nearest(frames, time, rate) for time in times))
            if boxes:
                yield sample["sample_id"], boxes


def _rate(video: str) -> int:
    """Extracted frames per second: 50 for the extension's videos (P01_101 …), 60 for the others."""
    extension = len(video.partition("_")[2]) == 3
    return 50 if extension and video not in EXTRACTED_AT_60 else 60


def _nearest(frames: Frames, time: float, rate: int) -> tuple[Box, ...]:
    number = min(frames, key=lambda number: abs((number - 1) / rate - time))
    return frames[number] if abs((number - 1) / rate - time) <= NEAR else ()


def _frames_of(video: str, files: dict[str, Path]) -> Frames:
    """Frame number → its boxes, for all frames of a video with boxes."""
    found: Frames = {}
    if f"{video}.pkl" in files:
        found = _detections(files[f"{video}.pkl"])
    else:
        for suffix, size in reversed(VISOR_SIZES.items()):  # sparse frames are annotated by people
            path = files.get(f"{video}{suffix}.json")
            found |= _segments(path, size) if path else {}
    return {number: boxes for number, boxes in found.items() if boxes}


def _segments(path: Path, size: tuple[int, int]) -> Frames:
    found: Frames = {}
    try:
        for frame in read_json(path)["video_annotations"]:
            number = int(re.findall(r"\d+", frame["image"]["name"])[-1])
            boxes = (_around(entry, size) for entry in frame["annotations"])
            found[number] = tuple(box for box in boxes if box)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BenchError(f"{path} is not a VISOR file ({type(error).__name__}: {error}).") from None
    return found


def _around(entry: dict[str, Any], size: tuple[int, int]) -> Box | None:
    points = [point for polygon in entry["segments"] for point in polygon]
    if not points:
        return None
    across, down = zip(*points, strict=True)
    edges = (min(across), min(down), max(across), max(down))
    return normalised(str(entry["name"]), edges, *size)


def _detections(path: Path) -> Frames:
    from google.protobuf.message import DecodeError

    try:
        messages = [_message().FromString(entry) for entry in read_bytes_list(path)]
    except (OSError, DecodeError, ValueError, OverflowError) as error:
        raise BenchError(f"{path} contains no readable hand-object detections ({error}).") from None
    return {message.frame_number: _detected(message) for message in messages}


def _detected(message: Any) -> tuple[Box, ...]:
    """The left and the right hand of highest score, and the objects in contact with them."""
    boxes: list[Box | None] = []
    objects = [found for found in message.objects if found.score >= SCORE]
    for side, name in enumerate(("left hand", "right hand")):
        hands = [h for h in message.hands if h.side == side and h.score >= SCORE]
        if not hands:
            continue
        hand = max(hands, key=lambda hand: hand.score)
        boxes.append(normalised(name, _edges(hand.bbox), 1, 1))
        if hand.state and objects:
            x, y = _centre(hand.bbox)
            aim = (x + hand.object_offset.x, y + hand.object_offset.y)
            touched = min(objects, key=lambda found: _distance(_centre(found.bbox), aim))
            boxes.append(normalised(f"object in the {name}", _edges(touched.bbox), 1, 1))
    return tuple(box for box in boxes if box)


def _edges(box: Any) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom


def _centre(box: Any) -> tuple[float, float]:
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def _distance(first: tuple[float, float], second: tuple[float, float]) -> float:
    return (first[0] - second[0]) ** 2 + (first[1] - second[1]) ** 2


@cache
def _message() -> Any:
    """The protobuf class of a frame's detections, built from the field numbers above."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kinds = {"f": "TYPE_FLOAT", "i": "TYPE_INT32", "s": "TYPE_STRING"}
    fields = {
        "Vector": (("x", "f"), ("y", "f")),
        "Box": (("left", "f"), ("top", "f"), ("right", "f"), ("bottom", "f")),
        "Hand": (
            ("bbox", "Box"),
            ("score", "f"),
            ("state", "i"),
            ("object_offset", "Vector"),
            ("side", "i"),
        ),
        "Object": (("bbox", "Box"), ("score", "f")),
        "Frame": (
            ("video_id", "s"),
            ("frame_number", "i"),
            ("hands", "Hand*"),
            ("objects", "Object*"),
        ),
    }
    file = descriptor_pb2.FileDescriptorProto(name="detections.proto", package="detections")
    file.syntax = "proto3"
    for message, entries in fields.items():
        described = file.message_type.add(name=message)
        for number, (name, kind) in enumerate(entries, start=1):
            field = described.field.add(name=name, number=number)
            field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
            if kind in kinds:
                field.type = getattr(field, kinds[kind])
            else:
                field.type = field.TYPE_MESSAGE
                field.type_name = f".detections.{kind.removesuffix('*')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("detections.Frame"))
