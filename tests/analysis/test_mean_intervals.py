"""Intervals of clustered means: closed forms, the jackknife, ranges, and what is withheld."""

import warnings

import numpy as np
import pytest
import scipy.stats

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import ClusterMeans
from egoactgen_bench.analysis.mean_intervals import mean_intervals

POSITIVE, COSINE, SHARE = (0.0, np.inf), (-1.0, 1.0), (0.0, 1.0)
EQUAL = np.repeat(np.arange(8), 4)
UNEQUAL = np.repeat(np.arange(6), [30, 12, 8, 4, 2, 1])


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def normal(clusters: np.ndarray, columns: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(clusters), columns))


def test_variance_is_the_jackknife_over_clusters():
    values = normal(UNEQUAL, 3)
    values[[3, 31, 40], 1] = np.nan
    found = ClusterMeans.of(values, UNEQUAL)
    left_out = [np.nanmean(values[number != UNEQUAL], axis=0) for number in range(6)]
    expected = np.sum((left_out - np.nanmean(values, axis=0)) ** 2, axis=0) * (5 / 6) ** 0.5
    assert found.variance == pytest.approx(expected)


def test_degrees_of_freedom_are_those_of_the_whole_covariance_matrix():
    sizes = np.bincount(UNEQUAL).astype(float)
    share = sizes / sizes.sum()
    weights = (1 - share) ** -2
    covariance = np.diag(sizes) - np.outer(sizes, sizes) / sizes.sum()
    moments = (
        np.sum(weights * np.diag(covariance)),
        np.sum(np.outer(weights, weights) * covariance**2),
    )
    found = ClusterMeans.of(normal(UNEQUAL), UNEQUAL).degrees_of_freedom
    assert found[0] == pytest.approx(moments[0] ** 2 / moments[1])
    assert ClusterMeans.of(normal(EQUAL), EQUAL).degrees_of_freedom[0] == pytest.approx(7)


def test_equal_clusters_have_the_t_interval_of_their_means():
    values = normal(EQUAL)
    by_video = values.reshape(8, 4).mean(axis=1)
    found = mean_intervals(values, EQUAL)
    error = by_video.std(ddof=1) / np.sqrt(8) * (8 / 7) ** 0.25
    width = scipy.stats.t.ppf(0.975, 7) * error
    assert [found.low[0], found.high[0]] == pytest.approx(
        [by_video.mean() - width, by_video.mean() + width]
    )


@pytest.mark.parametrize("bounds", [POSITIVE, COSINE, SHARE, (-np.inf, 1.0)])
def test_intervals_stay_in_the_range_and_are_mirrored_with_it(bounds):
    high = bounds[1] if np.isfinite(bounds[1]) else 9.0
    values = high - np.abs(normal(EQUAL, 3)) ** 3 * 0.03  # close to the upper end
    found = mean_intervals(values, EQUAL, bounds)
    assert (bounds[0] <= found.low).all()
    assert (found.low < values.mean(axis=0)).all()
    assert (values.mean(axis=0) < found.high).all()
    assert (found.high <= bounds[1]).all()
    mirrored = mean_intervals(-values, EQUAL, (-bounds[1], -bounds[0]))
    assert -mirrored.low == pytest.approx(found.high)
    assert -mirrored.high == pytest.approx(found.low)


def test_shares_without_a_failure_have_a_one_sided_interval():
    own_video = np.arange(20)
    found = mean_intervals(np.ones((20, 1)), own_video, SHARE)
    assert [found.low[0], found.high[0]] == pytest.approx([0.025 ** (1 / 20), 1])
    together = mean_intervals(np.ones((32, 1)), EQUAL, SHARE)  # as if the ICC were 0.5
    assert together.low[0] == pytest.approx(0.025 ** (1 / (32 / 2.5)))


def test_shares_of_independent_samples_have_nearly_clopper_and_pearsons_interval():
    values = (np.arange(400) % 10 < 3).astype(float)
    theirs = scipy.stats.binomtest(120, 400).proportion_ci()
    found = mean_intervals(values[:, None], np.arange(400), SHARE)
    assert [found.low[0], found.high[0]] == pytest.approx([theirs.low, theirs.high], abs=0.001)


def test_skewed_values_have_a_longer_interval_on_the_skewed_side():
    skewed = np.exp(1.5 * normal(EQUAL, seed=2))
    found, plain = mean_intervals(skewed, EQUAL), mean_intervals(skewed, EQUAL, draws=0)
    assert found.high[0] > plain.high[0]
    assert found.low[0] == plain.low[0]


@pytest.mark.parametrize(
    ("values", "clusters", "reason"),
    [
        (normal(EQUAL), EQUAL * 0, "only one video"),
        (normal(EQUAL), EQUAL % 3, "fewer than 4 videos"),
        (normal(EQUAL[:19]), EQUAL[:19], "fewer than 20 samples"),
        (np.full((32, 1), 0.3), EQUAL, "all values are equal"),
        (np.full((32, 1), np.inf), EQUAL, "infinite values"),
        (np.full((32, 1), np.nan), EQUAL, "no values"),
    ],
)
def test_no_interval_without_grounds(values, clusters, reason):
    found = mean_intervals(values, clusters)
    assert np.isnan([found.low[0], found.high[0]]).all()
    assert found.reasons == [reason]


def test_missing_values_are_as_if_they_were_not_there():
    values = normal(UNEQUAL)
    values[UNEQUAL == 2] = np.nan
    kept = UNEQUAL != 2
    renumbered = np.unique(UNEQUAL[kept], return_inverse=True)[1]
    found, alone = mean_intervals(values, UNEQUAL), mean_intervals(values[kept], renumbered)
    assert found.low[0] == pytest.approx(alone.low[0])


def test_bootstrap_intervals_are_these_and_none_without_draws():
    values = normal(EQUAL, 2)
    found = mean_intervals(values, EQUAL, draws=50, seed=3)
    low, high = statistics.bootstrap_intervals(values, EQUAL, 50, seed=3)
    assert low.tolist() == found.low.tolist()
    assert high.tolist() == found.high.tolist()
    assert np.isnan(statistics.bootstrap_intervals(values, EQUAL, 0)).all()


def test_a_hundred_columns_of_ten_thousand_samples_take_seconds():
    import time

    clusters = np.sort(np.random.default_rng(0).integers(0, 138, 10_000))
    values = np.exp(normal(clusters, 100))
    start = time.process_time()
    mean_intervals(values, clusters, POSITIVE)
    assert time.process_time() - start < 8


@pytest.mark.parametrize("noise", [0.0, 1e-7])
def test_cosines_that_are_all_one_have_no_interval(noise):
    """As of targets compared with themselves; differences from rounding do not count."""
    values = 1 - noise * np.abs(normal(EQUAL))
    found = mean_intervals(values, EQUAL, COSINE)
    assert found.reasons == ["all values are equal"]
    assert np.isnan(found.low).all() and np.isnan(found.high).all()


def test_judgements_that_are_all_one_have_an_interval():
    found = mean_intervals(np.ones((32, 1)), EQUAL, SHARE)
    assert found.reasons == [""]
    assert 0 < found.low[0] < found.high[0] == 1
