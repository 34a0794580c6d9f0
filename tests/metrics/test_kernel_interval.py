"""The interval of KID over videos."""

import numpy as np
import pytest

from egoactgen_bench.metrics.kernel_distance import (
    CubicKernel,
    unbiased_distance,
    unbiased_interval,
)

KERNEL = CubicKernel()
WIDTH = 8


def drawn(source, videos, shift, icc=0.3):
    """Outputs and targets (n, WIDTH) of videos of unequal size, which share their video's mean."""
    clusters = np.repeat(np.arange(videos), source.integers(2, 8, videos))
    shared = icc**0.5 * source.normal(size=(videos, WIDTH))[clusters]
    sides = [shared + (1 - icc) ** 0.5 * source.normal(size=shared.shape) for _ in range(2)]
    return sides[0] + shift, sides[1], clusters


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_it_covers(shift):
    source = np.random.default_rng(0)
    outputs, targets = (source.normal(size=(4000, WIDTH)) for _ in range(2))
    truth = unbiased_distance(KERNEL, outputs + shift, targets)
    intervals = [unbiased_interval(KERNEL, *drawn(source, 12, shift), seed=n) for n in range(100)]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.93


def test_it_is_around_the_distance_and_not_of_few_videos():
    source = np.random.default_rng(1)
    outputs, targets, clusters = drawn(source, 12, 0.5)
    low, high = unbiased_interval(KERNEL, outputs, targets, clusters, seed=0)
    assert (low + high) / 2 == pytest.approx(unbiased_distance(KERNEL, outputs, targets))
    order = source.permutation(len(clusters))
    again = unbiased_interval(KERNEL, outputs[order], targets[order], clusters[order], seed=0)
    assert again == pytest.approx((low, high))
    few = clusters < 7
    assert unbiased_interval(KERNEL, outputs[few], targets[few], clusters[few], seed=0) is None
