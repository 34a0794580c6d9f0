"""Named boxes of a sample: where its hands and objects are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Sample = dict[str, Any]  # a row of a split's samples.csv


@dataclass(frozen=True)
class Box:
    """A named box: `edges` are left, top, right, bottom as fractions of the frame, in [0, 1]."""

    name: str
    edges: tuple[float, float, float, float]


@dataclass(frozen=True)
class Boxes:
    """The boxes of one sample just before its action and during it; either may be unknown."""

    before: tuple[Box, ...] = ()
    during: tuple[Box, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.before or self.during)


def normalised(name: str, edges: Sequence[float], width: float, height: float) -> Box | None:
    """A box in pixels as fractions of the frame, clipped to it; None if nothing is left."""
    left, right = (min(max(edge / width, 0.0), 1.0) for edge in (edges[0], edges[2]))
    top, bottom = (min(max(edge / height, 0.0), 1.0) for edge in (edges[1], edges[3]))
    return Box(name, (left, top, right, bottom)) if left < right and top < bottom else None


def boxes_of(entry: dict[str, Any]) -> Boxes:
    """{"before": [{"name", "box": [left, top, right, bottom]}], "during": …} → `Boxes`.

    Raises `ValueError`, `KeyError` or `TypeError` for anything else.
    """
    return Boxes(*(tuple(map(_box, entry.get(key) or ())) for key in ("before", "during")))


def _box(entry: dict[str, Any]) -> Box:
    left, top, right, bottom = map(float, entry["box"])
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"box {entry['box']} is not left, top, right, bottom within [0, 1]")
    return Box(str(entry["name"]), (left, top, right, bottom))
