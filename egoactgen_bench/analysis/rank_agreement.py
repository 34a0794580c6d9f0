"""Agreement of two rankings of the same outputs.

Values are (samples, rows) float64, where a row has one output per sample and NaN marks a missing
one; `clusters` is (samples,), as in `statistics`.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.mean_intervals import mean_intervals
from egoactgen_bench.analysis.rank_correlation import mean_correlations

SEED = 0


def within(a: Floats, b: Floats) -> Floats:
    """(samples,) Kendall's τ-b of each sample over the rows; NaN where a or b is constant."""
    return np.array([kendall(*each) for each in zip(a, b, strict=True)])


def kendall(a: Floats, b: Floats) -> float:
    """Kendall's τ-b over the entries that both have; NaN if a or b is constant."""
    a, b = _present(a, b)
    return float("nan") if _constant(a, b) else float(kendalltau(a, b).statistic)


def accuracy(a: Floats, b: Floats) -> Floats:
    """(samples,) share of the pairs of rows that b orders, and that a orders alike; ties count ½.

    NaN for a sample in which b orders no pair.
    """
    rows = np.array(list(combinations(range(a.shape[1]), 2)), np.intp).reshape(-1, 2)
    with np.errstate(invalid="ignore"):  # NaN, or twice the same infinity
        orders = [np.sign(each[:, rows[:, 0]] - each[:, rows[:, 1]]) for each in (a, b)]
    same_infinity = np.isinf(a[:, rows]).all(axis=2) & (a[:, rows[:, 0]] == a[:, rows[:, 1]])
    ours = np.where(same_infinity, 0.0, orders[0])
    counted = ~np.isnan(ours) & (np.abs(orders[1]) == 1)
    agreed = np.where(counted, (1 + ours * np.where(counted, orders[1], 0)) / 2, 0)
    counts = counted.sum(axis=1)
    found: Floats = agreed.sum(axis=1) / np.where(counts, counts, np.nan)
    return found


def agreement(
    metrics: dict[str, Floats], verdicts: dict[str, Floats], clusters: Clusters, draws: int = 1000
) -> pd.DataFrame:
    """Agreement of each metric with each verdict, with 95 % intervals over clusters.

    `within` is the mean of Kendall's τ over samples, `accuracy` that of the share of pairs in the
    same order; both have the intervals of `mean_intervals`. `overall` is Spearman's ρ over all
    values, with the interval of `mean_correlations`. `samples` have a τ.
    """
    rows = []
    for metric, values in metrics.items():
        for verdict, judged in verdicts.items():
            each = within(values, judged)
            tau = _mean_with_ends(each, clusters, (-1.0, 1.0), draws)
            share = _mean_with_ends(accuracy(values, judged), clusters, (0.0, 1.0), draws)
            overall = _overall(values, judged, clusters)
            counted = int(np.sum(~np.isnan(each)))
            rows.append((metric, verdict, counted, *tau, *share, *overall))
    measures = ("within", "accuracy", "overall")
    names = [f"{measure}{end}" for measure in measures for end in ("", "_lo", "_hi")]
    return pd.DataFrame(rows, columns=["metric", "verdict", "samples", *names])


def compare_agreement(
    metrics: dict[str, Floats], verdicts: dict[str, Floats], clusters: Clusters
) -> pd.DataFrame:
    """Paired tests of metrics by their agreement with a verdict, on the samples that both have.

    One row per verdict, measure (`within` or `accuracy`) and pair of metrics: the mean difference
    metric_a − metric_b, and the p-value of sign flips of clusters, Holm-corrected over the pairs.
    """
    pairs = list(combinations(range(len(metrics)), 2))
    names, rows = list(metrics), []
    for verdict, judged in verdicts.items():
        for measure, function in (("within", within), ("accuracy", accuracy)):
            values = np.stack([function(each, judged) for each in metrics.values()], axis=1)
            if not pairs:
                continue
            sizes, p_values = statistics.paired_tests(values, pairs, clusters, SEED)
            tested = zip(pairs, sizes, statistics.holm(p_values), strict=True)
            rows += [(verdict, measure, names[a], names[b], *found) for (a, b), *found in tested]
    columns = ["verdict", "measure", "metric_a", "metric_b", "difference", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def _mean_with_ends(
    values: Floats, clusters: Clusters, bounds: tuple[float, float], draws: int
) -> tuple[float, float, float]:
    found = mean_intervals(values[:, None], clusters, bounds, draws, SEED)
    return means(values[:, None])[0], found.low[0], found.high[0]


def _overall(a: Floats, b: Floats, clusters: Clusters) -> tuple[float, float, float]:
    """Spearman's ρ of all values, with the ends of its interval."""
    values = np.stack([a.ravel(), b.ravel()], axis=1)[:, None]
    found = mean_correlations(values, np.repeat(clusters, a.shape[1]))
    return float(found.rho[0, 1]), float(found.low[0, 1]), float(found.high[0, 1])


def _present(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The entries that both have, (n,) of each."""
    present = ~(np.isnan(a) | np.isnan(b))
    return a[present], b[present]


def _constant(a: Floats, b: Floats) -> bool:
    """Whether either has fewer than two different values, so that SciPy would warn."""
    return min(len(np.unique(a)), len(np.unique(b))) < 2
