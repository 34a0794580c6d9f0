"""VISOR: boxes around the segments of hands and active objects, and which object an action names.

<video_id>.json has 1920 × 1080 polygons of sparse frames, <video_id>_interpolations.json 854 × 480
ones: {"video_annotations": [{"image": {"name", …}, "annotations": [{"id", "name", "class_id",
"segments": [[[x, y], …], …], "in_contact_object", "on_which_hand"}]}]}. Hands and gloves name the
segment that they are in contact with by its id, or say that there is none.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from egoactgen_bench.artifacts.sample_boxes import BoxKind
from egoactgen_bench.boxes.named_boxes import Box, Sample, hand_kind, normalised
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json

# Classes of VISOR's hands and gloves.
HAND_CLASSES: dict[int, BoxKind] = {
    300: "left_hand",
    301: "right_hand",
    303: "left_hand",
    304: "right_hand",
}


@dataclass(frozen=True)
class Segment:
    """The box around a segment, with its kind if it is a hand, and whether a hand touches it."""

    box: Box
    touched: bool = False


def read_segments(path: Path, size: tuple[int, int]) -> dict[int, tuple[Segment, ...]]:
    """Frame number → its segments; `size` is that of the annotated frames."""
    found = {}
    try:
        for frame in read_json(path)["video_annotations"]:
            number = int(re.findall(r"\d+", frame["image"]["name"])[-1])
            entries = frame["annotations"]
            touched = {str(entry.get("in_contact_object")) for entry in entries}
            segments = (_segment(entry, size, touched) for entry in entries)
            found[number] = tuple(segment for segment in segments if segment)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise BenchError(f"{path} is not a VISOR file ({type(error).__name__}: {error}).") from None
    return found


def _segment(entry: dict[str, Any], size: tuple[int, int], touched: set[str]) -> Segment | None:
    points = [point for polygon in entry["segments"] for point in polygon]
    if not points:
        return None
    across, down = zip(*points, strict=True)
    edges = (min(across), min(down), max(across), max(down))
    box = normalised(str(entry["name"]), _hand(entry), edges, *size)
    return Segment(box, "id" in entry and str(entry["id"]) in touched) if box else None


def _hand(entry: dict[str, Any]) -> BoxKind | None:
    """The kind of a hand, or of a glove that is worn; None for everything else."""
    kind = HAND_CLASSES.get(entry.get("class_id", -1)) or hand_kind(str(entry["name"]))
    worn = entry.get("on_which_hand") or ()
    names = [worn] if isinstance(worn, str) else list(worn)
    return kind or next((side for name in names if (side := hand_kind(str(name)))), None)


def boxes_of_action(segments: Sequence[Segment], sample: Sample) -> tuple[Box, ...]:
    """The boxes of a frame with their kinds in the sample's action.

    The objects are the segments that the action's noun names; else those that its label names; else
    those in contact with a hand. Other segments that the label names or that a hand touches are
    tools. The rest, such as what was used a moment ago, has no kind.
    """
    others = [segment for segment in segments if segment.box.kind is None]
    noun, label = _words(str(sample.get("noun", ""))), _words(str(sample.get("action", "")))
    named = [each for each in others if _agree(_words(each.box.name), noun)]
    in_label = [each for each in others if set() < _words(each.box.name) <= label]
    touched = [each for each in others if each.touched]
    objects = named or in_label or touched
    kinds: dict[int, BoxKind] = {id(each): "tool" for each in [*in_label, *touched]}
    kinds |= {id(each): "object" for each in objects}
    return tuple(
        replace(each.box, kind=kinds[id(each)]) if id(each) in kinds else each.box
        for each in segments
    )


def _agree(name: set[str], noun: set[str]) -> bool:
    """Whether one is named by the other: `plate` by `large plate`, or `board:chopping`."""
    return bool(name and noun) and (noun <= name or name <= noun)


def _words(text: str) -> set[str]:
    """The words of a name, without the s of a plural."""
    return {word.removesuffix("s") for word in re.findall(r"[a-z]+", text.lower())}
