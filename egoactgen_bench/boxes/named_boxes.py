"""Named boxes of a sample: where its hands and objects are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from egoactgen_bench.artifacts.sample_boxes import KINDS, BoxKind

Sample = dict[str, Any]  # a row of a split's samples.csv


@dataclass(frozen=True)
class Box:
    """A named box: `edges` are left, top, right, bottom as fractions of the frame, in [0, 1].

    `kind` is None for an object that has no known part in the action.
    """

    name: str
    edges: tuple[float, float, float, float]
    kind: BoxKind | None = None


@dataclass(frozen=True)
class Boxes:
    """The boxes of one sample just before its action and during it; either may be unknown."""

    before: tuple[Box, ...] = ()
    during: tuple[Box, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.before or self.during)


def hand_kind(name: str) -> BoxKind | None:
    """`left_hand` for `left hand`, `left_hand` or `left glove`; None for anything else."""
    words = set(name.lower().replace("_", " ").split())
    if not words & {"hand", "glove"}:
        return None
    return "left_hand" if "left" in words else "right_hand" if "right" in words else None


def normalised(
    name: str, kind: BoxKind | None, edges: Sequence[float], width: float, height: float
) -> Box | None:
    """A box in pixels as fractions of the frame, clipped to it; None if nothing is left."""
    left, right = (min(max(edge / width, 0.0), 1.0) for edge in (edges[0], edges[2]))
    top, bottom = (min(max(edge / height, 0.0), 1.0) for edge in (edges[1], edges[3]))
    return Box(name, (left, top, right, bottom), kind) if left < right and top < bottom else None


def boxes_of(entry: dict[str, Any]) -> Boxes:
    """{"before": [{"name", "box": [left, top, right, bottom]}], "during": …} → `Boxes`.

    An entry may have a "kind"; otherwise hands are recognised by their name, and all else is an
    object. Raises `ValueError`, `KeyError` or `TypeError` for anything else.
    """
    return Boxes(*(tuple(map(_box, entry.get(key) or ())) for key in ("before", "during")))


def _box(entry: dict[str, Any]) -> Box:
    left, top, right, bottom = map(float, entry["box"])
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"box {entry['box']} is not left, top, right, bottom within [0, 1]")
    name = str(entry["name"])
    kind = entry.get("kind") or hand_kind(name) or "object"
    if kind not in KINDS:
        raise ValueError(f"kind {str(kind)[:40]!r} is not one of {', '.join(KINDS)}")
    return Box(name, (left, top, right, bottom), kind)
