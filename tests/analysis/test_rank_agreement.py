"""Rank agreement between metrics and verdicts, by counting pairs, and with missing values."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from egoactgen_bench.analysis.rank_agreement import (
    accuracy,
    agreement,
    compare_agreement,
    within,
)

DRAWN = np.random.default_rng(0)
METRIC = DRAWN.normal(size=(40, 9)).round(1)
VERDICT = (METRIC + DRAWN.normal(size=METRIC.shape) > 0).astype(float)
CLUSTERS = np.arange(40) // 4


def pairs_counted(a, b):
    """Kendall's τ-b by its definition."""
    orders = [np.sign(x[:, None] - x) for x in (a, b)]
    with np.errstate(invalid="ignore"):
        return np.sum(orders[0] * orders[1]) / np.sqrt(np.prod([np.sum(o**2) for o in orders]))


def test_within_counts_the_pairs_of_each_sample():
    expected = [pairs_counted(a, b) for a, b in zip(METRIC, VERDICT, strict=True)]
    assert within(METRIC, VERDICT) == pytest.approx(expected, nan_ok=True)


def test_missing_values_are_left_out_and_infinite_ones_rank_highest():
    metric, verdict = METRIC[:2].copy(), VERDICT[:2].copy()
    metric[0, 0], verdict[0, 1], metric[0, 2] = np.nan, np.nan, np.inf
    high = metric.copy()
    high[0, 2] = 100.0
    expected = pairs_counted(high[0, 2:], verdict[0, 2:])
    assert within(metric, verdict)[0] == pytest.approx(expected)
    kept = np.r_[high[0, 2:], high[1]], np.r_[verdict[0, 2:], verdict[1]]
    table = agreement({"m": metric}, {"v": verdict}, CLUSTERS[:2])
    assert table["overall"][0] == pytest.approx(spearmanr(*kept).statistic)


def test_constant_values_have_no_agreement():
    assert np.isnan(within(METRIC, np.ones_like(METRIC))).all()
    constant = {"v": np.ones_like(METRIC)}
    assert np.isnan(agreement({"m": METRIC}, constant, CLUSTERS)["overall"][0])


def test_table_has_one_row_per_pair_with_bounds():
    verdicts = {"same": METRIC, "right": VERDICT, "constant": np.ones_like(METRIC)}
    table = agreement({"m": METRIC, "less": -METRIC}, verdicts, CLUSTERS, 50).set_index(
        ["metric", "verdict"]
    )
    same = table.loc[("m", "same")]
    assert same[["within", "accuracy", "overall"]].tolist() == pytest.approx([1, 1, 1])
    assert np.isnan(same["overall_lo"])  # it is 1 without any video, too
    assert table.loc[("less", "same"), "within"] == pytest.approx(-1)
    right = table.loc[("m", "right")]
    assert right["within"] == pytest.approx(np.nanmean(within(METRIC, VERDICT)))
    assert right["within_lo"] < right["within"] < right["within_hi"]
    assert right["overall_lo"] < right["overall"] < right["overall_hi"]
    assert right["accuracy_lo"] < right["accuracy"] < right["accuracy_hi"] < 1
    assert table.loc[("m", "constant"), "samples"] == 0
    assert np.isnan(table.loc[("m", "constant"), "within"])


def test_accuracy_counts_ordered_pairs_and_half_of_the_ties():
    metric = np.array([[3.0, 2.0, 2.0, np.nan], [np.inf, np.inf, 1.0, 0.0]])
    verdict = np.array([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    # 3 > 2 is right, the tie counts ½; then a tie of infinities, and two right pairs.
    assert accuracy(metric, verdict) == pytest.approx([1.5 / 2, 2.5 / 3])
    assert np.isnan(accuracy(metric, np.ones((2, 4)))).all()


def test_metrics_are_compared_on_the_same_samples():
    noise = np.random.default_rng(1).normal(size=METRIC.shape)
    metrics = {"good": METRIC, "same": METRIC * 2, "noise": noise}
    table = compare_agreement(metrics, {"right": VERDICT}, CLUSTERS)
    found = table.set_index(["measure", "metric_a", "metric_b"])
    assert found.loc[("within", "good", "same"), ["difference", "p_value"]].tolist() == [0, 1]
    for measure in ("within", "accuracy"):
        assert found.loc[(measure, "good", "noise"), "p_value"] == pytest.approx(3 * 2 / 2**10)
