"""How well the ranking by one measurement agrees with the ranking by another.

Values are (samples, rows) float64, a row an output for each sample, with NaN where there is none;
`clusters` is (samples,), as in `statistics`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.statistics import Clusters, Floats

SEED = 0


def within(a: Floats, b: Floats) -> Floats:
    """(samples,) Kendall's τ-b of each sample over its rows; NaN where a or b is constant there."""
    a, b = _present(a, b)
    orders = [np.sign(x[:, :, None] - x[:, None, :]) for x in (_ranks(a), _ranks(b))]
    together, each, other = (
        np.nansum(first * second, axis=(1, 2))
        for first, second in ((orders[0], orders[1]), (orders[0],) * 2, (orders[1],) * 2)
    )
    with np.errstate(invalid="ignore"):
        return together / np.sqrt(each * other)


def over_all(a: Floats, b: Floats) -> float:
    """Spearman's ρ over all outputs of all samples; NaN where a or b is constant."""
    a, b = _present(a, b)
    kept = ~np.isnan(a)
    if not kept.any():
        return float("nan")
    ranks = np.stack([rankdata(a[kept]), rankdata(b[kept])])
    spread = ranks.std(axis=1)
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    return (
        float(np.mean(centred[0] * centred[1]) / (spread[0] * spread[1]))
        if all(spread)
        else float("nan")
    )


def agreement(
    metrics: dict[str, Floats], verdicts: dict[str, Floats], clusters: Clusters, draws: int = 1000
) -> pd.DataFrame:
    """Each metric beside each verdict: `within` (the mean over samples) and `overall`.

    With the bounds of 95 % over clusters drawn with replacement, and the `samples` that have a τ.
    """
    rows = []
    for metric, values in metrics.items():
        for verdict, said in verdicts.items():
            found = within(values, said)[:, None]
            low, high = statistics.bootstrap_intervals(found, clusters, draws, SEED)
            bounds = _overall_bounds(values, said, clusters, draws)
            mean, own = statistics.means(found), over_all(values, said)
            counted = int(np.sum(~np.isnan(found)))
            rows.append((metric, verdict, counted, mean[0], low[0], high[0], own, *bounds))
    names = ("within", "within_lo", "within_hi", "overall", "overall_lo", "overall_hi")
    return pd.DataFrame(rows, columns=["metric", "verdict", "samples", *names])


def _overall_bounds(a: Floats, b: Floats, clusters: Clusters, draws: int) -> tuple[float, float]:
    """95 % percentile bounds of `over_all` over clusters drawn with replacement."""
    generator = np.random.default_rng(SEED)
    groups = [np.flatnonzero(clusters == number) for number in range(int(clusters.max()) + 1)]
    found = []
    for _ in range(draws):
        chosen = generator.integers(0, len(groups), len(groups))
        drawn = np.concatenate([groups[number] for number in chosen])
        found.append(over_all(a[drawn], b[drawn]))
    finite = [value for value in found if np.isfinite(value)]
    if not finite:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [0.025, 0.975])
    return float(low), float(high)


def _present(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Both with NaN wherever either lacks a value."""
    missing = np.isnan(a) | np.isnan(b)
    return np.where(missing, np.nan, a), np.where(missing, np.nan, b)


def _ranks(values: Floats) -> NDArray[np.float64]:
    """Of each sample its rows' ranks, which are finite where values are infinite."""
    ranks: NDArray[np.float64] = rankdata(values, axis=1, nan_policy="omit")
    return ranks
