"""The share of clips of which something holds."""

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.analysis.mean_intervals import mean_intervals


def share(right: NDArray[np.float64], clusters: NDArray[np.int64]) -> dict[str, float]:
    """The percentage of clips that are `right` (1, not 0), and its 95 % interval over videos."""
    found = mean_intervals(right[:, None], clusters, (0.0, 1.0))
    ends = {"correct": right.mean(), "lo": found.low[0], "hi": found.high[0]}
    return {name: round(100 * float(value), 1) for name, value in ends.items()}
