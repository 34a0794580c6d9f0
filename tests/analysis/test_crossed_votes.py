"""Win rates and alpha where raters judge several videos: intervals, tests, what is withheld."""

import numpy as np
import pytest

from egoactgen_bench.analysis.crossed_shares import crossed_intervals, crossed_test
from egoactgen_bench.analysis.rater_agreement import alpha_interval

VIDEOS, RATERS = (axis.ravel() for axis in np.indices((10, 12)))
CHANCE = np.random.default_rng(0)


def test_independent_votes_have_a_binomial_interval_at_most_a_little_longer():
    wins = (CHANCE.random((120, 1)) < 0.4).astype(float)
    found = crossed_intervals(wins, VIDEOS, RATERS)
    width = (found.high - found.low)[0]
    assert 2 * 1.96 * (0.4 * 0.6 / 120) ** 0.5 * 0.9 < width < 0.32


@pytest.mark.parametrize("groups", [VIDEOS, RATERS])
def test_votes_that_depend_on_the_video_or_the_rater_tell_less(groups):
    wins = (groups % 2 == 0).astype(float)[:, None]
    found = crossed_intervals(wins, VIDEOS, RATERS)
    assert found.low[0] < 0.2
    assert found.high[0] > 0.8
    lead = np.where(groups % 3 == 0, -1.0, 1.0)[:, None]  # 80 votes against 40
    assert crossed_test(lead, VIDEOS, RATERS, 0)[0] > 0.05


def test_equal_votes_have_an_interval_and_the_p_value_of_equal_signs():
    won = np.ones((120, 1))
    found = crossed_intervals(won, VIDEOS, RATERS)
    assert 0.6 < found.low[0] < 0.9
    assert found.high[0] == 1
    assert crossed_test(won, VIDEOS, RATERS, 0)[0] == 2 / 2**10


@pytest.mark.parametrize(
    ("videos", "raters", "reason"),
    [
        (VIDEOS % 3, RATERS, "fewer than 4 videos"),
        (VIDEOS, RATERS % 2, "fewer than 3 raters"),
    ],
)
def test_few_videos_or_raters_have_no_interval(videos, raters, reason):
    wins = (CHANCE.random((120, 1)) < 0.4).astype(float)
    found = crossed_intervals(wins, videos, raters)
    assert found.reasons == [reason]
    assert np.isnan([found.low[0], found.high[0]]).all()
    few = alpha_interval(wins[:, 0].astype(int), VIDEOS, videos, raters)
    assert np.isnan(few.low)
    assert few.reason.startswith("fewer than")


def test_alpha_has_an_interval_around_it():
    agreed = np.where(CHANCE.random(120) < 0.8, VIDEOS % 2, 1 - VIDEOS % 2)
    found = alpha_interval(agreed, VIDEOS, VIDEOS, RATERS)
    assert -1 <= found.low < found.alpha < found.high <= 1
    equal = alpha_interval(VIDEOS % 2, VIDEOS, VIDEOS, RATERS)
    assert (equal.alpha, equal.reason) == (1, "too few different answers")
    assert np.isnan(alpha_interval(VIDEOS * 0, VIDEOS, VIDEOS, RATERS).alpha)
