"""Trainings are a sample: intervals and tests include how they vary."""

import numpy as np
import pytest
from scipy import stats

from egoactgen_bench.analysis.training_seeds import (
    CrossedMean,
    compare_trainings,
    interval,
    p_over_trainings,
    seeds_needed,
    unpaired_p,
)

CLUSTERS = np.repeat(np.arange(20), 5)


def drawn(source, seeds, video=0.5, training=0.5, mean=0.0):
    """Values (samples, trainings) with an effect of the video and of the training."""
    return (
        mean
        + video * source.normal(size=20)[CLUSTERS][:, None]
        + training * source.normal(size=seeds)
        + source.normal(size=(100, seeds))
    )


def test_one_good_seed_is_not_a_lead():
    # Leads of +2.0, +21.5 and +10.5 on the same clips, once reported with p = 0.001.
    leads = np.array([2.0, 21.5, 10.5])
    source = np.random.default_rng(0)
    values = leads + source.normal(size=(100, 3))
    assert p_over_trainings(leads) == pytest.approx(0.182, abs=0.001)
    ((size, p_value, over),) = compare_trainings(
        [values, np.zeros_like(values)], [(0, 1)], CLUSTERS
    )
    assert size == pytest.approx(leads.mean(), abs=0.3)
    assert p_value > 0.15
    assert over > 0.15


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_cover_and_tests_are_calibrated(seeds):
    source = np.random.default_rng(seeds)
    found = [CrossedMean.of(drawn(source, seeds), CLUSTERS) for _ in range(500)]
    covered = [abs(each.mean) <= each.half_width for each in found]
    assert np.mean(covered) >= 0.93
    assert [each.p_value >= 0.05 for each in found[:50]] == covered[:50]


def test_agreeing_seeds_are_a_lead():
    values = drawn(np.random.default_rng(1), 3, 0.2, 0.1, mean=2.0)
    rows = compare_trainings([values, np.zeros_like(values)], [(0, 1)], CLUSTERS)
    assert rows[0][1] < 0.05


def test_single_or_unequal_trainings_are_not_tested():
    values = drawn(np.random.default_rng(1), 3)
    for other in (values[:, :2], values[:, :1]):
        rows = compare_trainings([values, other], [(0, 1)], CLUSTERS)
        assert np.isfinite(rows[0][0])
        assert np.isnan(rows[0][1:]).all()
    rows = compare_trainings([values[:, :1], values[:, 1:2]], [(0, 1)], CLUSTERS)
    assert np.isnan(rows[0][1:]).all()


def test_intervals_stay_in_the_range_of_the_metric():
    values = (np.random.default_rng(1).random((100, 3)) < 0.02).astype(float)
    low, high, _ = interval(values, CLUSTERS, (0.0, 1.0))
    assert low >= 0
    assert high < 0.2


@pytest.mark.parametrize(
    ("value", "why"), [(0.0, "all values are equal"), (np.inf, "not all values are finite")]
)
def test_no_interval_without_variation(value, why):
    low, high, reason = interval(np.full((100, 3), value), CLUSTERS, (0.0, np.inf))
    assert np.isnan([low, high]).all()
    assert reason == why


def test_the_number_of_seeds_has_the_power():
    n = seeds_needed(10.0, 9.0)
    source = np.random.default_rng(0)
    draws = source.normal(10.0, 9.0, (4000, n))
    power = np.mean(stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05)
    assert 0.78 <= power <= 0.87
    assert seeds_needed(10.0, 9.0) < seeds_needed(5.0, 9.0)
    assert seeds_needed(0.1, 9.0) is None
    assert seeds_needed(1.0, 0.0) == 2


def test_unpaired_trainings_by_welch():
    assert unpaired_p((29.2, 4.0, 3), (17.8, 5.3, 3)) == pytest.approx(
        stats.ttest_ind_from_stats(29.2, 4.0, 3, 17.8, 5.3, 3, equal_var=False).pvalue
    )
    assert np.isnan(unpaired_p((29.2, 4.0, 1), (17.8, 5.3, 3)))
