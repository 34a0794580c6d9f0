"""Agreement of two rankings of the same outputs.

Values are (samples, rows) float64, where a row has one output per sample and NaN marks a missing
one; `clusters` is (samples,), as in `statistics`.
"""

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, spearmanr

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means

SEED = 0


def within(a: Floats, b: Floats) -> Floats:
    """(samples,) Kendall's τ-b of each sample over the rows; NaN where a or b is constant."""
    return np.array([kendall(*each) for each in zip(a, b, strict=True)])


def kendall(a: Floats, b: Floats) -> float:
    """Kendall's τ-b over the entries that both have; NaN if a or b is constant."""
    a, b = _present(a, b)
    return float("nan") if _constant(a, b) else float(kendalltau(a, b).statistic)


def spearman(a: Floats, b: Floats) -> float:
    """Spearman's ρ over the entries that both have, for arrays of equal shape.

    NaN if a or b is constant, or for fewer than three entries, as two always give ±1.
    """
    a, b = _present(a, b)
    return float("nan") if len(a) < 3 or _constant(a, b) else float(spearmanr(a, b).statistic)


def agreement(
    metrics: dict[str, Floats], verdicts: dict[str, Floats], clusters: Clusters, draws: int = 1000
) -> pd.DataFrame:
    """Agreement of each metric with each verdict.

    `within` is the mean of Kendall's τ over samples, `overall` Spearman's ρ over all values, both
    with 95 % bounds over clusters drawn with replacement; `samples` have a τ.
    """
    rows = []
    for metric, values in metrics.items():
        for verdict, judged in verdicts.items():
            found = within(values, judged)[:, None]
            low, high = statistics.bootstrap_intervals(found, clusters, draws, SEED)
            bounds = _overall_bounds(values, judged, clusters, draws)
            mean, overall = means(found), spearman(values, judged)
            counted = int(np.sum(~np.isnan(found)))
            rows.append((metric, verdict, counted, mean[0], low[0], high[0], overall, *bounds))
    names = ("within", "within_lo", "within_hi", "overall", "overall_lo", "overall_hi")
    return pd.DataFrame(rows, columns=["metric", "verdict", "samples", *names])


def _overall_bounds(a: Floats, b: Floats, clusters: Clusters, draws: int) -> tuple[float, float]:
    """95 % percentile bounds of `spearman` over clusters drawn with replacement."""
    generator = np.random.default_rng(SEED)
    groups = [np.flatnonzero(clusters == number) for number in range(int(clusters.max()) + 1)]
    found = []
    for _ in range(draws):
        chosen = generator.integers(0, len(groups), len(groups))
        drawn = np.concatenate([groups[number] for number in chosen])
        found.append(spearman(a[drawn], b[drawn]))
    # A draw of few clusters may be constant in a or b, and then has no correlation.
    finite = [value for value in found if np.isfinite(value)]
    if not finite:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def _present(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The entries that both have, (n,) of each."""
    present = ~(np.isnan(a) | np.isnan(b))
    return a[present], b[present]


def _constant(a: Floats, b: Floats) -> bool:
    """Whether either has fewer than two different values, so that SciPy would warn."""
    return min(len(np.unique(a)), len(np.unique(b))) < 2
