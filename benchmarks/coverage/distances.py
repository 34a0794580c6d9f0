"""The interval of KID over videos."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from egoactgen_bench.metrics.kernel_distance import (
    CubicKernel,
    unbiased_distance,
    unbiased_interval,
)

KERNEL = CubicKernel()
WIDTH = 8
POPULATION = 6000  # samples from which the true distance is computed


def kernel_distances(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell: equal or shifted outputs, videos of 2 to 19 samples."""
    for videos, icc, shift in product((8, 12, 20, 30), (0.05, 0.3), (0.0, 0.5)):
        source = np.random.default_rng((videos, round(100 * icc), round(10 * shift)))
        outputs, targets = (source.normal(size=(POPULATION, WIDTH)) for _ in range(2))
        truth = unbiased_distance(KERNEL, outputs + shift, targets)
        covered = 0
        for number in range(replicates):
            clusters = np.repeat(np.arange(videos), source.integers(2, 20, videos))
            shared = icc**0.5 * source.normal(size=(videos, WIDTH))[clusters]
            own = [(1 - icc) ** 0.5 * source.normal(size=shared.shape) for _ in range(2)]
            sides = shared + own[0] + shift, shared + own[1]
            found = unbiased_interval(KERNEL, *sides, clusters, number)
            assert found is not None
            covered += found[0] <= truth <= found[1]
        yield {
            "what": "KID",
            "videos": videos,
            "icc": icc,
            "values": "equal" if not shift else "shifted",
            "replicates": replicates,
            "covered": covered / replicates,
        }
