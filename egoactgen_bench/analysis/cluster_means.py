"""Means over clustered samples, such as the actions of one video, and their variance.

Values are (n, columns) float64 with NaN for missing ones; a value may be infinite (the PSNR of an
identical pair). `clusters` is (n,) int64, numbered from 0 without gaps.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Clusters = NDArray[np.int64]


def means(values: Floats) -> Floats:
    """(columns,) means, ignoring NaN; NaN for a column without values."""
    counts = np.sum(~np.isnan(values), axis=0)
    with np.errstate(invalid="ignore"):
        found: Floats = np.nansum(values, axis=0) / np.where(counts, counts, np.nan)
    return found


def cluster_sums(values: Floats, clusters: Clusters) -> Floats:
    """(clusters, columns) sums, ignoring NaN."""
    if not len(clusters):
        return np.zeros((0, values.shape[1]))
    order = np.argsort(clusters, kind="stable")
    starts = np.searchsorted(clusters[order], np.arange(int(clusters.max()) + 1))
    sums: Floats = np.add.reduceat(np.nan_to_num(values[order], nan=0.0), starts, axis=0)
    return sums


@dataclass(frozen=True)
class ClusterMeans:
    """Means of columns of finite values, from the sums and counts of their clusters.

    `sums` and `counts` are (clusters, columns); a cluster without values counts 0. All properties
    are (columns,).
    """

    sums: Floats
    counts: Floats

    @classmethod
    def of(cls, values: Floats, clusters: Clusters) -> "ClusterMeans":
        """From the values of single samples."""
        return cls(cluster_sums(values, clusters), cluster_sums(1.0 - np.isnan(values), clusters))

    def columns(self, chosen: NDArray[np.bool_]) -> "ClusterMeans":
        """Some of the columns."""
        return ClusterMeans(self.sums[:, chosen], self.counts[:, chosen])

    @property
    def mean(self) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = self.sums.sum(axis=0) / self.counts.sum(axis=0)
        return found

    @property
    def clusters(self) -> NDArray[np.int64]:
        """The number of clusters that have values."""
        found: NDArray[np.int64] = np.sum(self.counts > 0, axis=0)
        return found

    @property
    def effective_clusters(self) -> Floats:
        """The number of clusters of equal size that are as informative, at an ICC of 1."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = self.counts.sum(axis=0) ** 2 / np.sum(self.counts**2, axis=0)
        return found

    @property
    def variance(self) -> Floats:
        """The mean's variance over clusters drawn at random, by the jackknife (CR3).

        CR3 (Bell and McCaffrey, 2002) leaves out one cluster at a time, so that a large one does
        not hide its own deviation.
        """
        residuals = self.sums - self.counts * self.mean
        with np.errstate(divide="ignore", invalid="ignore"):
            left_out = residuals / (1 - self._leverage)
            found: Floats = np.sum(left_out**2, axis=0) / self.counts.sum(axis=0) ** 2
            # Two factors are usual: 1, by simulation too large for a few equal clusters, and
            # (g − 1) / g, too small for skewed values. This is their geometric mean.
            return found * np.sqrt((self.clusters - 1) / self.clusters)

    @property
    def degrees_of_freedom(self) -> Floats:
        """Satterthwaite's degrees of freedom of `variance`, for independent samples.

        The number of clusters − 1 for clusters of equal size, and less for others.
        """
        n, total = self.counts, self.counts.sum(axis=0)
        # Residuals of independent samples have the covariance diag(n) − n·nᵀ / N, so that the
        # moments of Σ weight · residual² need no matrix of clusters × clusters.
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = (1 - self._leverage) ** -2
            expected = np.sum(weights * n * (1 - self._leverage), axis=0)
            own = weights**2 * (n**2 * (1 - self._leverage) ** 2 - n**4 / total**2)
            spread = np.sum(own, axis=0) + np.sum(weights * n**2, axis=0) ** 2 / total**2
            found: Floats = expected**2 / spread
        return found

    @property
    def _leverage(self) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = self.counts / self.counts.sum(axis=0)
        return found
