"""boxes.csv of a split: the boxes of hands and objects in its stored frames."""

import json
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv
from egoactgen_bench.support.images import frame_size

BOXES = "boxes.csv"
BoxKind = Literal["left_hand", "right_hand", "object", "tool"]
KINDS: tuple[BoxKind, ...] = get_args(BoxKind)
FRAMES = ("input", "target")
PLACE = ("x", "y", "width", "height")  # of the left upper corner, in pixels of the stored frame
COLUMNS = ("sample_id", "frame", "kind", *PLACE)
TOLERANCE = 1.0  # pixels by which a box may exceed its frame

Size = tuple[int, int]
# frame → its boxes: {"target": [{"kind": "left_hand", "x": …, "y": …, "width": …, "height": …}]}
BoxesOfSample = dict[str, list[dict[str, Any]]]


def stored_sizes(samples: pd.DataFrame, recipe: Mapping[str, Any]) -> dict[str, Size]:
    """Sample id → (width, height) of its stored frames; empty for a split without frames."""
    if not {"width", "height"} <= set(samples):
        return {}
    height = recipe.get("size")
    sides = [pd.to_numeric(samples[side], errors="coerce") for side in ("width", "height")]
    return {
        name: frame_size(w, h, height) if isinstance(height, int) else (round(w), round(h))
        for name, w, h in zip(samples["sample_id"], *sides, strict=True)
        if w > 0 and h > 0
    }


def read_boxes_table(
    path: Path, sample_ids: Iterable[str], sizes: Mapping[str, Size]
) -> dict[str, BoxesOfSample]:
    """Sample id → its boxes, for each of `sample_ids`; a sample may have none.

    `sizes` are those of the stored frames, as far as known. Raises `BenchError` for unknown
    samples, frames and kinds, and for boxes that are not inside their frame.
    """
    texts = read_csv(path, COLUMNS, dtype=str)
    found: dict[str, BoxesOfSample] = {name: {frame: [] for frame in FRAMES} for name in sample_ids}
    _check_words(path, texts["sample_id"], list(found), "the samples of the split")
    _check_words(path, texts["frame"], FRAMES, ", ".join(FRAMES))
    _check_words(path, texts["kind"], KINDS, ", ".join(KINDS))
    table = texts.assign(**{name: _numbers(path, texts[name]) for name in PLACE})
    for number, row in enumerate(table[list(COLUMNS)].itertuples(index=False, name=None), start=2):
        sample_id, frame, kind, x, y, width, height = row
        if why := _objection((x, y, width, height), sizes.get(sample_id)):
            raise _invalid(path, f"row {number}: {why}")
        box = {"kind": kind, "x": x, "y": y, "width": width, "height": height}
        found[sample_id][frame].append(box)
    return found


def boxes_text(boxes: Any) -> str:
    """JSON of one sample's boxes, as metrics read it; at least those of the target are needed.

    Raises `ValueError` for anything else.
    """
    if not isinstance(boxes, Mapping):
        kind = type(boxes).__name__
        raise ValueError(f"a {kind}, expected an object with the boxes of the frame under target")
    if "target" not in boxes:
        raise ValueError(f"a {type(boxes).__name__} without target")
    if not isinstance(boxes["target"], Sequence) or isinstance(boxes["target"], str):
        raise ValueError(f"target is a {type(boxes['target']).__name__}, expected a list")
    return json.dumps({"target": [_checked_box(box) for box in boxes["target"]]})


def _checked_box(box: Any) -> dict[str, Any]:
    if not isinstance(box, Mapping):
        raise ValueError(f"a box is a {type(box).__name__}, expected an object")
    if box.get("kind") not in KINDS:
        raise ValueError(f"kind {str(box.get('kind'))[:40]!r} is not one of {', '.join(KINDS)}")
    for name in PLACE:
        if name not in box:
            raise ValueError(f"{name} is missing")
        if not isinstance(box[name], Real):
            raise ValueError(f"{name} is a {type(box[name]).__name__}, expected a number")
        if not np.isfinite(float(box[name])):
            raise ValueError(f"{name} is not finite")
    place = tuple(float(box[name]) for name in PLACE)
    if why := _objection(place, None):
        raise ValueError(why)
    return {"kind": box["kind"]} | dict(zip(PLACE, place, strict=True))


def _check_words(path: Path, cells: pd.Series, allowed: Sequence[str], among: str) -> None:
    wrong = cells[~cells.isin(allowed)]
    if len(wrong):
        cell = f"row {wrong.index[0] + 2}: {cells.name} {wrong.iloc[0][:80]!r}"
        raise _invalid(path, f"{cell} is not among {among}")


def _numbers(path: Path, cells: pd.Series) -> pd.Series:
    try:
        numbers: pd.Series = pd.to_numeric(cells).astype(float)
    except (ValueError, TypeError, OverflowError) as error:
        raise _invalid(path, f"{cells.name} has a cell that is not a number ({error})") from None
    if not np.isfinite(numbers).all():
        raise _invalid(path, f"{cells.name} has a cell that is empty or not finite")
    return numbers


def _objection(place: tuple[float, ...], size: Size | None) -> str | None:
    x, y, width, height = place
    if width <= 0 or height <= 0:
        return f"a box has the size {width:g} × {height:g}"
    if size is None:
        return None
    outside = max(-x, -y, x + width - size[0], y + height - size[1])
    if outside <= TOLERANCE:
        return None
    return (
        f"the box {x:g}, {y:g}, {width:g} × {height:g} exceeds its frame of "
        f"{size[0]} × {size[1]} pixels"
    )


def _invalid(path: Path, why: str) -> BenchError:
    return BenchError(
        f"{path}: {why}. Write it again with `bench prepare-splits … --boxes PATH`, or remove it."
    )
