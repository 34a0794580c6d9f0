"""Tests compared with SciPy, R and closed forms, and with infinite values."""

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


def test_one_cluster_has_nothing_significant():
    values, _ = drawn(10, 1, 1)
    assert statistics.sign_flip_test(values + 5, np.zeros(10, int))[0] == 1


def test_exact_sign_flips_agree_with_scipy():
    values, _ = drawn(11, 1, 1, seed=5)
    theirs = scipy.stats.permutation_test(
        (values[:, 0] + 0.5,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert statistics.sign_flip_test(values + 0.5, np.arange(11))[0] == pytest.approx(theirs.pvalue)


def test_sign_flips_are_enumerated_up_to_fifteen_clusters_and_drawn_above():
    values, clusters = drawn(300, 3, 15, seed=2)
    values += [0.0, 0.1, 5.0]
    exact = statistics.sign_flip_test(values, clusters)
    assert exact[2] == 2 / 2**15 == statistics.smallest_p(15)  # all signs are equal
    assert statistics.sign_flip_test(values, clusters, permutations=9) == pytest.approx(exact)
    more, spread = drawn(300, 1, 16, seed=3)
    assert statistics.sign_flip_test(more + 5, spread)[0] == 1 / 10_000 == statistics.smallest_p(16)


def test_random_sign_flips_approximate_the_exact_ones(monkeypatch):
    values, clusters = drawn(300, 3, 12, seed=2)
    values += [0.0, 0.1, 1.0]
    exact = statistics.sign_flip_test(values, clusters)
    monkeypatch.setattr(statistics, "EXACT_CLUSTERS", 0)
    assert statistics.sign_flip_test(values, clusters) == pytest.approx(exact, abs=0.02)


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

    values, clusters = drawn(10_000, 15, 138)
    start = time.process_time()
    for _ in range(10):
        statistics.sign_flip_test(values, clusters)
    assert time.process_time() - start < 20
