"""Rank correlations of metrics with intervals: compared with SciPy, a jackknife, simulations."""

import numpy as np
import pytest
from scipy import stats

from egoactgen_bench.analysis import rank_correlation
from egoactgen_bench.analysis.rank_correlation import mean_correlations

DRAWN = np.random.default_rng(0)
CLUSTERS = np.arange(48) // 6  # 8 videos
SHARED = DRAWN.normal(size=(48, 2, 1))
VALUES = (SHARED + DRAWN.normal(size=(48, 2, 3))).round(1)  # 2 runs, 3 metrics, with ties


def spearman(values, first, second):
    """The mean of SciPy's ρ over the runs."""
    return np.mean([stats.spearmanr(run[:, first], run[:, second], nan_policy="omit").statistic
                    for run in np.moveaxis(values, 1, 0)])  # fmt: skip


def test_correlations_are_the_means_of_scipys_over_the_runs():
    found = mean_correlations(VALUES, CLUSTERS).rho
    for first in range(3):
        for second in range(3):
            assert found[first, second] == pytest.approx(spearman(VALUES, first, second))


def test_missing_values_are_left_out_pair_by_pair_and_infinite_ones_rank_highest():
    values = VALUES.copy()
    values[3:9, :, 0] = np.nan
    values[20, 0, 1] = np.nan
    finite = values.copy()
    values[30, 1, 2], finite[30, 1, 2] = np.inf, 100.0
    found = mean_correlations(values, CLUSTERS).rho
    for pair in ((0, 1), (0, 2), (1, 2)):
        assert found[pair] == pytest.approx(spearman(finite, *pair))


def test_the_interval_is_a_jackknife_over_videos_of_all_runs():
    found = mean_correlations(VALUES, CLUSTERS)
    full = np.arctanh(spearman(VALUES, 0, 1))
    left_out = [np.arctanh(spearman(VALUES[c != CLUSTERS], 0, 1)) for c in range(8)]
    variance = np.sum((np.array(left_out) - full) ** 2) * np.sqrt(7 / 8)
    width = stats.t.ppf(0.975, 7) * np.sqrt(variance)
    assert found.low[0, 1] == found.low[1, 0] == pytest.approx(np.tanh(full - width))
    assert found.high[0, 1] == pytest.approx(np.tanh(full + width))
    assert found.reasons == {}


def test_many_videos_are_left_out_in_groups(monkeypatch):
    clusters = np.arange(48)
    single = mean_correlations(VALUES, clusters)
    monkeypatch.setattr(rank_correlation, "MOST_GROUPS", 24)
    grouped = mean_correlations(VALUES, clusters)
    assert (grouped.rho == single.rho).all()
    widths = [each.high[0, 1] - each.low[0, 1] for each in (grouped, single)]
    assert widths[0] == pytest.approx(widths[1], rel=0.25)
    assert widths[0] != widths[1]


def withheld(values, clusters=CLUSTERS):
    found = mean_correlations(values, clusters)
    assert np.isnan(found.low[0, 1])
    assert np.isnan(found.high[1, 0])
    return found.rho[0, 1], found.reasons.get((0, 1), "")


def test_intervals_are_withheld_with_a_reason():
    assert withheld(VALUES, CLUSTERS // 3)[1] == "fewer than 4 videos"
    assert withheld(VALUES[:18], np.arange(18) // 3)[1] == "fewer than 20 samples"
    rare = VALUES.copy()
    rare[:, 0, 1] = np.arange(48) < 4  # in the first run, 4 of 48 differ
    assert withheld(rare)[1] == "almost all values of a metric are equal"
    same = VALUES.copy()
    same[:, :, 1] = VALUES[:, :, 0]
    assert withheld(same) == (
        pytest.approx(1),
        "a correlation of ±1, or undefined without one video",
    )
    same[:, :, 1] = (CLUSTERS == 0)[:, None]  # only one video differs
    assert withheld(same)[1] == "a correlation of ±1, or undefined without one video"
    constant = VALUES.copy()
    constant[:, :, 1] = 1
    rho, reason = withheld(constant)
    assert np.isnan(rho)
    assert reason == ""


@pytest.mark.parametrize("sizes", [[4] * 8, [40, 20, 13, 10, 8, 7, 6, 5]])
def test_intervals_cover_the_correlation(sizes):
    generator, clusters = np.random.default_rng(1), np.repeat(np.arange(8), sizes)
    truth = 6 / np.pi * np.arcsin(0.5 / 2)  # of normal values with a correlation of 0.5
    mixing = np.linalg.cholesky([[1, 0.5], [0.5, 1]]).T
    covered = 0
    for _ in range(200):
        shared = generator.normal(size=(8, 1, 2))[clusters]
        own = generator.normal(size=(len(clusters), 1, 2))
        found = mean_correlations((0.3**0.5 * shared + 0.7**0.5 * own) @ mixing, clusters)
        covered += found.low[0, 1] <= truth <= found.high[0, 1]
    print("COV", covered)
    assert covered >= 186  # 93 %
