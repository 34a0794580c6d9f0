"""The kernel Inception distance (Bińkowski et al. 2018)."""

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.feature_metric import Features
from egoactgen_bench.metrics.fid import InceptionDistance
from egoactgen_bench.metrics.kernel_distance import (
    CubicKernel,
    unbiased_distance,
    unbiased_interval,
)
from egoactgen_bench.support.seeds import derive_seed

KERNEL = CubicKernel()
SEED = derive_seed(0, "kernel interval")


class Kid(InceptionDistance):
    """Kernel distance between the outputs' and the targets' Inception features, × 1000."""

    name, label, position = "kid", "KID", 120
    unit, factor = "10⁻³", 1000

    def distance(self, outputs: Features, targets: Features) -> float:
        """The squared distance; unbiased, and therefore possibly slightly negative."""
        return unbiased_distance(KERNEL, outputs, targets)

    def interval(
        self, rows: NDArray[np.floating], clusters: NDArray[np.int64]
    ) -> tuple[float, float] | None:
        """Of halves of the videos (`unbiased_interval`)."""
        return unbiased_interval(KERNEL, *self.sides(rows), clusters, SEED)
