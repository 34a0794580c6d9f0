"""The Fréchet distance between two sets of features (Dowson & Landau 1982; Heusel et al. 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.feature_metric import Features

ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and a root (k, d) of the covariance rootᵀ·root, float64; k ≤ min(n, d)."""

    mean: NDArray[np.float64]
    root: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features) -> "Moments":
        """Mean and unbiased covariance of (n, d) features, n ≥ 2, read in blocks of rows."""
        count, width = features.shape
        blocks = [slice(start, start + ROWS_AT_ONCE) for start in range(0, count, ROWS_AT_ONCE)]
        # In float64: a float32 sum of 10,000 rows loses the digits in which similar sets differ.
        totals = [np.sum(features[block], axis=0, dtype=np.float64) for block in blocks]
        mean = np.sum(totals, axis=0) / count
        # With no more samples than features, the centred rows are already a root, and a (2048,
        # 2048) matrix need not be decomposed.
        if count <= width:
            return cls(mean, (features[:] - mean) / np.sqrt(count - 1))
        scatter = np.zeros((width, width))
        for block in blocks:
            centred = features[block] - mean
            scatter += centred.T @ centred
        return cls(mean, root(scatter / (count - 1)))


def root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """A matrix R with RᵀR = `covariance` (d, d), which may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    scaled: NDArray[np.float64] = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
    return scaled


# Our own, since clean-fid calls scipy.linalg.sqrtm with an argument that SciPy 1.18 removes, and
# drops the imaginary part of a complex result. The tests compare with clean-fid.
def frechet_distance(first: Moments, second: Moments) -> float:
    """|μ₁ − μ₂|² + Tr(C₁ + C₂ − 2 (C₁ C₂)^½).

    With Cᵢ = RᵢᵀRᵢ, the eigenvalues of C₁ C₂ are those of the symmetric (R₁ R₂ᵀ)(R₁ R₂ᵀ)ᵀ and
    zeros, so that no matrix root is needed, which may become complex or singular.
    """
    product = first.root @ second.root.T
    eigenvalues = np.linalg.eigvalsh(product @ product.T)
    traces = np.sum(first.root**2) + np.sum(second.root**2)
    shift = first.mean - second.mean
    distance = shift @ shift + traces - 2 * np.sum(np.sqrt(np.clip(eigenvalues, 0, None)))
    return max(0.0, float(distance))  # rounding may make it negative
