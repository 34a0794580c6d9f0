"""Agreement of metrics with raters: values by hand and by SciPy, intervals, tests, edge cases."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from egoactgen_bench.analysis import vote_agreement
from egoactgen_bench.analysis.cluster_means import ClusterMeans, cluster_sums
from egoactgen_bench.analysis.judged_pairs import Judgements
from egoactgen_bench.analysis.vote_agreement import ceiling, estimates, paired_tests

RUNS = 4


def chosen(choices, raters=None, videos=None) -> Judgements:
    """`choices` (items, raters) of one candidate each; by default each item is of its own video."""
    choices = np.array(choices)
    items = np.repeat(np.arange(len(choices)), choices.shape[1])
    raters = np.tile(np.arange(choices.shape[1]), len(choices)) if raters is None else raters
    videos = np.arange(len(choices)) if videos is None else videos
    return Judgements(np.eye(RUNS)[choices.ravel()], items, raters, videos)


def study(seed=0, items=60, videos=12, raters=5, noise=(0.5, 3.0)):
    """Votes, and metrics that follow the raters' common taste with more or less noise."""
    source = np.random.default_rng(seed)
    taste = source.normal(size=(items, RUNS))
    votes = taste[:, None] + source.gumbel(size=(items, raters, RUNS)) / 2
    judged = chosen(votes.argmax(axis=2), videos=np.arange(items) % videos)
    values = np.stack([taste + each * source.normal(size=taste.shape) for each in noise], axis=2)
    return judged, values


def test_values_by_hand():
    # Two items, three raters: votes (2, 1, 0, 0) and (0, 0, 1, 1) with one missing rater.
    judged = Judgements(
        np.eye(RUNS)[[0, 0, 1, 2, 3]], np.array([0, 0, 0, 1, 1]), np.array([0, 1, 2, 0, 1]),
        np.array([0, 1]),
    )  # fmt: skip
    values = np.array([[3.0, 2, 2, 1], [5, 1, 5, 9]])[..., None]
    found = estimates(judged, values)
    # Rater by rater, the chosen candidate against the three others; ties of the metric count ½.
    rows = [1, 1, 1, 1, 1, 1, 0, 0.5, 1, 0.5, 1, 0, 1, 1, 1]
    assert found["accuracy"].value[0] == pytest.approx(np.mean(rows))
    assert found["accuracy"].counts[0] == 15
    # Pairs that the votes separate: five of the first item, four of the second.
    majority = [1, 1, 1, 0.5, 1, 0.5, 1, 1, 1]
    assert found["majority"].value[0] == pytest.approx(np.mean(majority))
    assert found["majority"].counts[0] == 9
    taus = [kendalltau(*each).statistic for each in
            (([2, 1, 0, 0], values[0, :, 0]), ([0, 0, 1, 1], values[1, :, 0]))]  # fmt: skip
    assert found["tau"].value[0] == pytest.approx(np.mean(taus))


def test_tau_is_that_of_scipy_and_0_for_a_constant_metric():
    judged, values = study()
    values = values.round()
    votes = cluster_sums(judged.scores, judged.items)
    found = estimates(judged, values)["tau"]
    for metric in range(2):
        each = [
            kendalltau(*pair).statistic for pair in zip(votes, values[..., metric], strict=True)
        ]
        assert found.value[metric] == pytest.approx(np.mean(np.nan_to_num(each)))
    constant = estimates(judged, np.zeros((60, RUNS, 1)))
    assert [each.value[0] for each in constant.values()] == [0.5, 0.5, 0]
    assert all(np.isnan(each.low[0]) and each.reasons[0] for each in constant.values())


def test_raters_by_hand():
    # Three raters agree, the fourth chooses another candidate: 3 rows of each.
    judged = chosen([[0, 0, 0, 1]])
    found = ceiling(judged)
    # A rater of the three: 0 beats each other one by 3:1, 3:0, 3:0 with the own vote left out;
    # the fourth: 1 against 0 is outvoted, against 2 and 3 the others are tied.
    assert found.value[0] == pytest.approx((9 * 1 + 0 + 0.5 + 0.5) / 12)
    assert np.isnan(ceiling(chosen([[0], [1]])).value[0])  # nobody to compare with


def test_intervals_contain_the_truth_of_a_large_study():
    large, values = study(1, items=5000, videos=5000)
    truth = estimates(large, values)
    missed, widths = 0, []
    for seed in range(2, 32):
        for name, found in estimates(*study(seed)).items():
            missed += np.sum((found.low > truth[name].value) | (found.high < truth[name].value))
            widths.append(found.high - found.low)
    assert missed <= 180 * 0.05
    assert np.max(widths) < 0.7


def test_the_variance_over_raters_is_that_of_leaving_each_out():
    judged, values = study(items=10, videos=5)
    orders = judged.orders_by(values)[..., 1]

    def total(kept):
        rest = Judgements(judged.scores[kept], judged.items[kept], judged.raters, judged.videos)
        sums, counts = vote_agreement.tau(rest.votes, orders)
        return sums.sum() / counts.sum()

    cells = judged.videos[judged.items] * 5 + judged.raters
    by_rater = [total(judged.raters != rater) for rater in range(5)]
    by_cell = [total(cells != cell) for cell in range(25)]
    sums, counts = (each[:, None] for each in vote_agreement.tau(judged.votes, orders))
    over_videos = ClusterMeans(
        cluster_sums(sums, judged.videos), cluster_sums(counts, judged.videos)
    ).variance[0]
    expected = over_videos + 4 * np.var(by_rater) - 24 * np.var(by_cell)
    expected = max(expected, over_videos, 4 * np.var(by_rater))
    items = sums[:, 0], counts[:, 0]
    left = vote_agreement._left_out(judged, vote_agreement.tau, orders)
    own = tuple(each[judged.items] - kept for each, kept in zip(items, left, strict=True))
    value, variance, degrees = vote_agreement._ratio(judged, items, own)
    assert (value, variance) == (pytest.approx(total(judged.raters >= 0)), pytest.approx(expected))
    assert degrees == 4


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"videos": 3}, "fewer than 4 videos"), ({"raters": 1}, "fewer than 3 raters"),
     ({"raters": 2}, "fewer than 3 raters")],
)  # fmt: skip
def test_intervals_are_withheld_with_the_reason(changes, reason):
    judged, values = study(**changes)
    for found in (*estimates(judged, values).values(), ceiling(judged)):
        assert np.isnan([*found.low, *found.high]).all()
        if found.counts[0]:
            assert set(found.reasons) == {reason}
    if "raters" in changes:
        for _, p_values in paired_tests(judged, values, [(0, 1)]).values():
            assert np.isnan(p_values).all()


def test_missing_values_are_left_out_of_every_measure():
    judged, values = study()
    absent = values.copy()
    absent[:30, 0] = np.nan
    absent[:, :, 1] = np.nan
    found, whole = estimates(judged, absent), estimates(judged, values)
    kept = Judgements(judged.scores[:, 1:], judged.items, judged.raters, judged.videos)
    first = kept.items < 30
    part = Judgements(
        kept.scores[first], kept.items[first], kept.raters[first], kept.videos[:30]
    )  # fmt: skip
    rest = Judgements(
        judged.scores[~first], judged.items[~first] - 30, judged.raters[~first], judged.videos[30:]
    )
    parts = estimates(part, values[:30, 1:]), estimates(rest, values[30:])
    for name, each in found.items():
        sums = sum(part[name].value[0] * part[name].counts[0] for part in parts)
        counts = sum(part[name].counts[0] for part in parts)
        assert (each.value[0], each.counts[0]) == (pytest.approx(sums / counts), counts)
        assert counts <= whole[name].counts[0]
        assert np.isnan(each.value[1]) and each.counts[1] == 0 and each.reasons[1]
    for sizes, p_values in paired_tests(judged, absent, [(0, 1)]).values():
        assert np.isnan([*sizes, *p_values]).all()


def test_infinite_values_are_ordered():
    judged = chosen([[0, 0, 1]])
    values = np.array([[np.inf, 2, 1, -np.inf], [np.inf, np.inf, 1, 0]])
    found = [estimates(judged, each[None, :, None])["accuracy"].value[0] for each in values]
    assert found == [pytest.approx(8 / 9), pytest.approx(7.5 / 9)]


def test_a_better_metric_is_found_and_equal_ones_are_not():
    judged, values = study(noise=(0.3, 3.0, 3.0))
    values[..., 2] = 2 * values[..., 1] + 1  # the same orders
    pairs = [(0, 1), (0, 2), (1, 2)]
    for name, (sizes, p_values) in paired_tests(judged, values, pairs).items():
        whole = estimates(judged, values)[name].value
        assert sizes == pytest.approx([whole[a] - whole[b] for a, b in pairs])
        assert p_values[0] == p_values[1] < 0.05
        assert (sizes[2], p_values[2]) == (0, 1)


def test_pairs_of_ratings_need_both_methods_and_different_scores():
    nan = np.nan
    scores = np.array([[3, 3, nan], [1, 2, 5], [nan, nan, 4]])
    judged = Judgements(scores, np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0, 1]))
    assert judged.orders.tolist()[0][0] == 0
    np.testing.assert_equal(judged.orders[1:], [[-1, -1, -1], [nan, nan, nan]])
    assert judged.votes.tolist() == [[-1, -1, -1], [0, 0, 0]]
    assert judged.answered.tolist() == [[2, 1, 1], [0, 0, 0]]
    np.testing.assert_allclose(judged.net_wins(), [-2 / 3, 0, 1])
