"""Adds boxes.csv to a finished split: hands and objects, in pixels of its stored frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.artifacts.manifests import SPLIT, SplitBoxes
from egoactgen_bench.artifacts.sample_boxes import BOXES, COLUMNS, FRAMES, Size, stored_sizes
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.boxes.box_sources import read_boxes
from egoactgen_bench.boxes.named_boxes import Box, Boxes
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.prepare.split_plan import SplitPlan
from egoactgen_bench.support.files import sha256_file, write_csv

DECIMALS = 2  # of a pixel


def with_boxes(split: Split, plan: SplitPlan, before: Split | None) -> Split:
    """The split with the plan's boxes, else those it had `before`, else the annotations'.

    The boxes are outside of the recipe and the fingerprints: they can be added to a finished split.
    """
    if plan.recipe["times_only"]:
        return split
    if plan.boxes:
        return _written(split, plan.boxes, required=True)
    if before and before.manifest.boxes and (split.folder / BOXES).is_file():
        return split if split is before else _recorded(split, before.manifest.boxes)
    annotated = call(plan.dataset, "boxes_path")
    return _written(split, annotated) if annotated else split


def _written(split: Split, source: Path, required: bool = False) -> Split:
    samples: Any = split.samples.to_dict("records")
    found = dict(read_boxes(source, samples))
    sizes = stored_sizes(split.samples, split.manifest.recipe)
    rows = [
        row
        for sample in split.samples["sample_id"]
        if sample in found and sample in sizes
        for row in _rows(sample, found[sample], sizes[sample])
    ]
    if not rows and required:
        raise BenchError(
            f"{source} has no hands or objects of any sample of split '{split.name}': is it of the "
            "same videos?"
        )
    if not rows:
        return split
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_csv(split.folder / BOXES, table)
    return _recorded(split, SplitBoxes(source=source.name, samples=table["sample_id"].nunique()))


def _rows(sample_id: str, boxes: Boxes, size: Size) -> Iterator[tuple[str, ...]]:
    for frame, found in zip(FRAMES, (boxes.before, boxes.during), strict=True):
        for box in found:
            if box.kind and (place := _place(box, size)):
                yield (sample_id, frame, box.kind, *place)


def _place(box: Box, size: Size) -> tuple[str, ...] | None:
    """x, y, width and height in pixels as text; None if a side rounds to zero."""
    left, top, right, bottom = (
        round(edge * side, DECIMALS) for edge, side in zip(box.edges, size * 2, strict=True)
    )
    if right <= left or bottom <= top:
        return None
    return tuple(f"{value:.{DECIMALS}f}" for value in (left, top, right - left, bottom - top))


def _recorded(split: Split, record: SplitBoxes) -> Split:
    """The split with the hash of boxes.csv in its manifest, which is written last."""
    files = split.manifest.files | {BOXES: sha256_file(split.folder / BOXES)}
    manifest = split.manifest.model_copy(update={"files": files, "boxes": record})
    manifest.save(split.folder / SPLIT)
    return Split(split.folder, manifest, split.samples)
