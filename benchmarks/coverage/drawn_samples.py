"""Samples of videos with a known mean, of many replicates at once."""

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.analysis.cluster_means import Clusters, Floats

VIDEOS = (5, 8, 12, 20, 30, 100)
SIZES = ("equal", "unequal")
ICCS = (0.05, 0.3)
SHARES = ("2 %", "10 %", "50 %", "90 %", "98 %")
# Name → range of a value. A log-normal metric may declare that it is positive, as LPIPS does.
RANGES = {
    "normal": (-np.inf, np.inf),
    "log-normal": (0.0, np.inf),
    "log-normal, no range": (-np.inf, np.inf),
    **dict.fromkeys(SHARES, (0.0, 1.0)),
}


def sizes_of(videos: int, sizes: str, per_video: int) -> NDArray[np.int64]:
    """Samples of each video; in unequal ones, the kth largest has 1/k of the largest (Zipf)."""
    if sizes == "equal":
        return np.full(videos, per_video)
    return np.maximum(1, np.round(10 * per_video / np.arange(1, videos + 1))).astype(np.int64)


def clusters_of(videos: int, sizes: str, per_video: int) -> Clusters:
    """The video of each sample."""
    return np.repeat(np.arange(videos), sizes_of(videos, sizes, per_video))


def draw(
    generator: np.random.Generator, kind: str, clusters: Clusters, icc: float, replicates: int
) -> tuple[Floats, float]:
    """(samples, replicates) values, and their true mean.

    Values of a video are correlated by `icc` (of log-normal ones, their logarithms).
    """
    videos, samples = int(clusters.max()) + 1, len(clusters)
    if kind in SHARES:
        mean = float(kind.removesuffix(" %")) / 100
        a, b = (part * (1 - icc) / icc for part in (mean, 1 - mean))
        chances = generator.beta(a, b, (videos, replicates))[clusters]
        return (generator.random((samples, replicates)) < chances).astype(np.float64), mean
    shared = generator.normal(size=(videos, replicates))[clusters]
    own = generator.normal(size=(samples, replicates))
    normal = icc**0.5 * shared + (1 - icc) ** 0.5 * own
    return (normal, 0.0) if kind == "normal" else (np.exp(normal), float(np.exp(0.5)))
