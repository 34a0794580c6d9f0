"""The share of the true change from input to target that an output shows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.support.images import uint8_to_unit


class Change(Metric[Options]):
    """Share of the true change from input to target that the output shows, in pixels.

    With the Euclidean distances over all pixels a = |input − target| and b = |output − target|, it
    is (a − b) / max(a, b). The input scores 0, the target 1, and a blend of the two its share of
    the target. An output farther from the target than the input scores below 0, down to −1. The
    comparison is pixel by pixel, so that misplaced content counts as wrong.
    """

    name, label, position = "change", "Change", 150
    factor = 100
    higher_is_better = True
    bounds = (-1.0, 1.0)
    needs = frozenset({"input", "output", "target"})

    def facts(self) -> Mapping[str, str]:
        return {"distance": "euclidean", "resize": "lanczos"}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) float64 in [−1, 1]."""
        frames = zip(
            batch.images("input"), batch.images("output"), batch.images("target"), strict=True
        )
        return np.array([[change_shown(*(np.asarray(f) for f in triple))] for triple in frames])


def change_shown(
    before: NDArray[np.uint8], output: NDArray[np.uint8], target: NDArray[np.uint8]
) -> float:
    """(a − b) / max(a, b) of three uint8 images of equal shape; 0 if all three are equal."""
    goal = uint8_to_unit(target)
    change, missed = (
        float(np.linalg.norm(uint8_to_unit(image) - goal)) for image in (before, output)
    )
    return (change - missed) / max(change, missed) if max(change, missed) else 0.0
