"""Hands and objects of a sample: from Ego4D, EPIC's detections, VISOR, or a file of one's own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.files import read_json

Sample = dict[str, Any]  # a row of a split's samples.csv


@dataclass(frozen=True)
class Box:
    """A named box: `edges` are left, top, right, bottom in [0, 1] of the picture."""

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
    """A box in pixels as fractions of the picture, cut to it; None where nothing is left."""
    left, right = (min(max(edge / width, 0.0), 1.0) for edge in (edges[0], edges[2]))
    top, bottom = (min(max(edge / height, 0.0), 1.0) for edge in (edges[1], edges[3]))
    return Box(name, (left, top, right, bottom)) if left < right and top < bottom else None


def read_boxes(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    """(sample id, boxes) of those samples that `path` tells of.

    `path` is a file of one's own, {sample id: {"before": [{"name", "box"}], "during": …}}; Ego4D's
    fho_main.json; or a folder of EPIC's hand-object detections (*.pkl) or VISOR's files (*.json).
    """
    from lego.curation import ego4d_boxes, epic_boxes

    if path.is_dir():
        yield from epic_boxes.read(path, samples)
    elif not path.is_file():
        raise BenchError(f"There are no boxes {path}: no such file or folder.")
    elif ego4d_boxes.recognises(path):
        yield from ego4d_boxes.read(path, samples)
    else:
        yield from _read_own(path, samples)


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


def _read_own(path: Path, samples: Sequence[Sample]) -> Iterator[tuple[str, Boxes]]:
    told = read_json(path)
    if not isinstance(told, dict):
        raise BenchError(f"{path} holds no JSON object of sample ids.")
    for sample in samples:
        sample_id = sample["sample_id"]
        if sample_id not in told:
            continue
        try:
            yield sample_id, boxes_of(told[sample_id])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BenchError(
                f"{path}: the boxes of {sample_id} are not usable ({error})."
            ) from None
