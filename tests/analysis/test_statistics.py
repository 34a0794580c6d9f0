"""Intervals and tests compared with SciPy, R and closed forms, and with infinite values."""

import warnings

import numpy as np
import pytest
import scipy.stats

from egoactgen_bench.analysis import statistics


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def drawn(samples: int, columns: int, clusters: int, seed: int = 0):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, clusters, samples)
    groups = np.unique(groups, return_inverse=True)[1]
    return generator.normal(size=(samples, columns)), groups


def test_bootstrap_spread_is_the_standard_error_of_the_cluster_mean():
    values, _ = drawn(400, 2, 1)
    each = statistics.bootstrap_means(values, np.arange(400), 4000)
    assert each.std(axis=0) == pytest.approx(values.std(axis=0) / 20, rel=0.05)
    repeated = np.repeat(values, 5, axis=0)  # five equal actions per video add no information
    clustered = statistics.bootstrap_means(repeated, np.repeat(np.arange(400), 5), 4000)
    assert clustered.std(axis=0) == pytest.approx(each.std(axis=0), rel=0.05)


def test_interval_agrees_with_scipy():
    values, _ = drawn(200, 1, 1, seed=3)
    low, high = statistics.bootstrap_intervals(values, np.arange(200), 10_000)
    theirs = scipy.stats.bootstrap(
        (values[:, 0],), np.mean, n_resamples=10_000, method="percentile", random_state=1
    ).confidence_interval
    width = theirs.high - theirs.low
    assert low[0] == pytest.approx(theirs.low, abs=0.04 * width)
    assert high[0] == pytest.approx(theirs.high, abs=0.04 * width)


def test_missing_values_are_left_out_of_draws():
    values, clusters = drawn(60, 1, 20)
    padded = np.vstack([values, np.full((30, 1), np.nan)])
    alone = statistics.bootstrap_means(values, clusters, 200)
    with_missing = statistics.bootstrap_means(padded, np.concatenate([clusters] * 2)[:90], 200)
    assert np.allclose(alone, with_missing, rtol=1e-12)


def test_interval_with_infinite_values():
    values = np.array([[10.0, np.inf], [20.0, np.inf], [30.0, np.inf], [np.inf, np.inf]])
    low, high = statistics.bootstrap_intervals(values, np.arange(4), 1000)
    assert np.isfinite(low[0])
    assert high[0] == low[1] == high[1] == np.inf


def test_one_cluster_has_an_interval_without_width_and_nothing_significant():
    values, _ = drawn(10, 1, 1)
    clusters = np.zeros(10, int)
    low, high = statistics.bootstrap_intervals(values, clusters, 100)
    assert low[0] == high[0] == pytest.approx(values.mean())
    assert statistics.sign_flip_test(values + 5, clusters)[0] == 1


def test_exact_sign_flips_agree_with_scipy():
    values, _ = drawn(11, 1, 1, seed=5)
    theirs = scipy.stats.permutation_test(
        (values[:, 0] + 0.5,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert statistics.sign_flip_test(values + 0.5, np.arange(11))[0] == pytest.approx(theirs.pvalue)


def test_random_sign_flips_approximate_the_exact_ones():
    values, clusters = drawn(300, 3, 18, seed=2)
    values += [0.0, 0.1, 1.0]
    exact = statistics.sign_flip_test(values, clusters, permutations=2**18)
    drawn_ = statistics.sign_flip_test(values, clusters)
    assert drawn_ == pytest.approx(exact, abs=0.02)
    assert drawn_[2] < 0.001


def test_p_values_of_equal_methods_are_uniform():
    p_values = [
        statistics.sign_flip_test(*drawn(60, 1, 12, seed=seed), permutations=499)[0]
        for seed in range(300)
    ]
    assert scipy.stats.kstest(p_values, "uniform").pvalue > 0.01


def test_infinite_differences():
    inf = np.inf
    a = np.array([inf, inf, 30.0, 31.0, 29.0, 30.5])
    b = np.array([inf, 20.0, 20.0, 20.0, 20.0, 20.0])
    differences = statistics.paired_differences(a, b)
    assert differences.tolist() == [0, inf, 10, 11, 9, 10.5]
    assert statistics.mean_difference(differences) == inf
    assert statistics.mean_difference(-differences) == -inf
    assert np.isnan(statistics.mean_difference(np.array([inf, -inf])))
    p = statistics.sign_flip_test(differences[:, None], np.arange(6))[0]
    assert p == 4 / 64  # all signs equal, positive or negative; the sign of 0 does not matter
    same = statistics.paired_differences(np.full(4, inf), np.full(4, inf))
    assert statistics.sign_flip_test(same[:, None], np.arange(4))[0] == 1


def test_holm_agrees_with_r():
    # R 4.4: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.5, float("nan"), 0.6])[::2] == [1.0, 1.0]


def test_swapping_whole_sets():
    generator = np.random.default_rng(0)
    a, b = generator.normal(0, 1, 80), generator.normal(2, 1, 80)

    def distance(swapped):
        first, second = np.where(swapped, b, a), np.where(swapped, a, b)
        return first.var() + first.mean() - second.var() - second.mean()

    assert statistics.swap_test(distance, np.arange(80), 99) == 0.01
    assert statistics.swap_test(lambda swapped: 0.0, np.arange(80), 99) == 1.0


def test_ten_thousand_samples_take_seconds():
    import time

    values, clusters = drawn(10_000, 60, 138)
    start = time.process_time()
    statistics.bootstrap_intervals(values, clusters, 1000)
    for _ in range(10):
        statistics.sign_flip_test(values[:, :15], clusters)
    assert time.process_time() - start < 20
