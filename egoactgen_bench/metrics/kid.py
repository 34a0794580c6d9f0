"""The kernel Inception distance."""

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.metrics.feature_sides import sides
from egoactgen_bench.metrics.fid import InceptionDistance
from egoactgen_bench.metrics.kernel_distance import kernel_distance


class Kid(InceptionDistance):
    """Kernel distance of the outputs' and the targets' Inception features; unbiased, times 1000."""

    name, label, position = "kid", "KID", 120
    unit, factor = "10⁻³", 1000

    def summarise(self, rows: NDArray[np.floating]) -> float:
        """The squared distance; unbiased, so that it may lie slightly below 0."""
        return kernel_distance(*sides(rows))
