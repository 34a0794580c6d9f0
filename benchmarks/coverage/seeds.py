"""Intervals and tests of leads over training seeds and videos."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from egoactgen_bench.analysis.training_seeds import CrossedMean

PER_VIDEO = 4
VIDEO, NOISE = 0.5, 1.0  # standard deviations; of trainings: `spread`


def leads(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell: the coverage of the interval of a lead that is 0 on average."""
    for seeds, videos, spread in product((2, 3, 5), (8, 20, 64), (0.05, 0.5)):
        source = np.random.default_rng((seeds, videos, round(100 * spread)))
        clusters = np.repeat(np.arange(videos), PER_VIDEO)
        covered = 0
        for _ in range(replicates):
            values = (
                VIDEO * source.normal(size=videos)[clusters][:, None]
                + spread * source.normal(size=seeds)
                + NOISE * source.normal(size=(len(clusters), seeds))
            )
            found = CrossedMean.of(values, clusters)
            covered += abs(found.mean) <= found.half_width
        yield {
            "what": "lead over trainings",
            "videos": videos,
            "per_video": PER_VIDEO,
            "seeds": seeds,
            "spread": spread,
            "replicates": replicates,
            "covered": covered / replicates,
            "one_pair": 1 - covered / replicates,
        }
