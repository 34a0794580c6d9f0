"""Which samples the gallery shows: all of a small split, else the extremes and a random sample."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.stages.report.report_contents import Contents
from egoactgen_bench.support.seeds import derive_seed

MOST_SAMPLES = 2_000  # limits the page's size, the number of thumbnails and the memory
MOST_EXTREMES = MOST_SAMPLES // 2
SEED = 0


@dataclass(frozen=True)
class Selection:
    """Positions in the split, in its order; `extremes` of them are there for their values."""

    positions: list[int]
    extremes: int
    total: int

    def __str__(self) -> str:
        if len(self.positions) == self.total:
            return ""
        drawn = len(self.positions) - self.extremes
        return (
            f"The gallery shows {len(self.positions):,} of {self.total:,} samples: "
            f"{self.extremes:,} with the highest and lowest values of each metric and run, and "
            f"{drawn:,} selected at random (seed {SEED}). Everything else in this report is based "
            "on all samples."
        )


def select(contents: Contents) -> Selection:
    """At most `MOST_SAMPLES` samples; the random ones depend only on their ids."""
    ids = contents.split.samples["sample_id"].tolist()
    if len(ids) <= MOST_SAMPLES:
        return Selection(list(range(len(ids))), 0, len(ids))
    extremes = set(islice(_extremes(contents, ids), MOST_EXTREMES))
    others = (position for position in range(len(ids)) if position not in extremes)
    drawn = nsmallest(
        MOST_SAMPLES - len(extremes),
        others,
        key=lambda position: derive_seed(SEED, "gallery", ids[position]),
    )
    return Selection(sorted(extremes.union(drawn)), len(extremes), len(ids))


def _extremes(contents: Contents, ids: list[str]) -> Iterator[int]:
    """Distinct positions: first the highest and lowest of each metric and run, then the second …"""
    orders: list[NDArray[np.intp]] = []
    for scores in contents.scores:
        names = [name for name, about in scores.metrics.items() if about.per_sample]
        cube = scores.per_sample(ids, names)
        orders += [_ends(column) for column in cube.reshape(len(ids), -1).T]
    seen: set[int] = set()
    for rank in range(MOST_EXTREMES):
        for order in orders:
            for position in order[2 * rank : 2 * rank + 2].tolist():
                if position not in seen:
                    seen.add(position)
                    yield position


def _ends(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Positions of the highest value, the lowest, the second highest …, without missing ones."""
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    half = min(MOST_EXTREMES, len(order) // 2)
    ends = np.empty(2 * half, np.intp)
    ends[0::2], ends[1::2] = order[::-1][:half], order[:half]
    return ends
