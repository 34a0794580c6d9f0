"""EPIC-KITCHENS' hand-object detections: the hands, and the objects in contact with them.

<video_id>.pkl is a pickled list of protobuf messages, one per extracted frame, with the fields
video_id = 1, frame_number = 2, hands = 3, objects = 4; a hand has bbox = 1, score = 2, state = 3
(0: no contact), object_offset = 4 (x, y), side = 5 (0: left, 1: right); an object bbox and score; a
bbox left, top, right, bottom in [0, 1]. The class of an object is not given.
"""

from functools import cache
from pathlib import Path
from typing import Any

from egoactgen_bench.artifacts.sample_boxes import BoxKind
from egoactgen_bench.boxes.named_boxes import Box, normalised
from egoactgen_bench.boxes.pickled_bytes import read_bytes_list
from egoactgen_bench.errors import BenchError

SCORE = 0.5  # the threshold that the detections' authors recommend for hands and objects
SIDES: tuple[tuple[str, BoxKind], ...] = (("left hand", "left_hand"), ("right hand", "right_hand"))


def read_detections(path: Path) -> dict[int, tuple[Box, ...]]:
    """Frame number → its boxes, for all frames of a video with boxes."""
    from google.protobuf.message import DecodeError

    try:
        messages = [_message().FromString(entry) for entry in read_bytes_list(path)]
    except (OSError, DecodeError, ValueError, OverflowError) as error:
        raise BenchError(f"{path} contains no readable hand-object detections ({error}).") from None
    found = {message.frame_number: _detected(message) for message in messages}
    return {number: boxes for number, boxes in found.items() if boxes}


def _detected(message: Any) -> tuple[Box, ...]:
    """The left and the right hand of highest score, and the objects in contact with them."""
    boxes: list[Box | None] = []
    objects = [found for found in message.objects if found.score >= SCORE]
    for side, (name, kind) in enumerate(SIDES):
        hands = [h for h in message.hands if h.side == side and h.score >= SCORE]
        if not hands:
            continue
        hand = max(hands, key=lambda hand: hand.score)
        boxes.append(normalised(name, kind, _edges(hand.bbox), 1, 1))
        if hand.state and objects:
            x, y = _centre(hand.bbox)
            aim = (x + hand.object_offset.x, y + hand.object_offset.y)
            touched = min(objects, key=lambda found: _distance(_centre(found.bbox), aim))
            edges = _edges(touched.bbox)
            boxes.append(normalised(f"object in the {name}", "object", edges, 1, 1))
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
