"""Drawing a part of a split: every video and participant in proportion, whatever the row order."""

import pandas as pd
import pytest

from egoactgen_bench.support.sample_drawing import draw_positions, draw_samples, drawing_record

# Participant → samples per video: the first 200 rows are one video of one kitchen.
KITCHENS = {"P01": (200, 40), "P02": (30, 30, 100), "P10": (60,), "P30": (20, 20)}


@pytest.fixture
def samples() -> pd.DataFrame:
    rows = [
        (f"{participant}_{video:02d}_{number}", f"{participant}_{video:02d}")
        for participant, sizes in KITCHENS.items()
        for video, size in enumerate(sizes)
        for number in range(size)
    ]
    return pd.DataFrame(rows, columns=["sample_id", "video_id"])


@pytest.mark.parametrize("count", [1, 7, 50, 100, 499])
@pytest.mark.parametrize("seed", range(5))
def test_each_video_and_participant_gets_its_share(samples, count, seed):
    drawn = draw_samples(samples, count, seed)
    assert len(drawn) == drawn["sample_id"].nunique() == count
    for key in (lambda table: table["video_id"], lambda table: table["video_id"].str[:3]):
        shares = key(samples).value_counts() * count / len(samples)
        found = key(drawn).value_counts().reindex(shares.index, fill_value=0)
        assert (found - shares).abs().max() < 1


def test_the_first_rows_would_be_one_video(samples):
    assert samples["video_id"][:50].nunique() == 1
    assert draw_samples(samples, 50)["video_id"].nunique() == samples["video_id"].nunique()


def test_only_ids_and_seed_matter(samples):
    drawn = draw_samples(samples, 50, seed=3)
    assert drawn.index.is_monotonic_increasing
    shuffled = samples.sample(frac=1, random_state=1)
    assert set(draw_samples(shuffled, 50, seed=3)["sample_id"]) == set(drawn["sample_id"])
    assert set(draw_samples(samples, 50, seed=4)["sample_id"]) != set(drawn["sample_id"])


def test_every_sample_is_drawn_equally_often(samples):
    few = samples[::10]
    times = pd.concat(draw_samples(few, 10, seed)["sample_id"] for seed in range(400))
    counts = times.value_counts().reindex(few["sample_id"], fill_value=0)
    # 400 draws with probability 1/5: mean 80, standard deviation 8.
    assert counts.between(80 - 5 * 8, 80 + 5 * 8).all()


def test_a_count_that_excludes_no_sample_draws_all():
    assert draw_positions(["b", "a"], ["v", "v"], None) == [0, 1]
    assert draw_positions(["b", "a"], ["v", "v"], 3) == [0, 1]
    assert drawing_record(2, None) is drawing_record(2, 2) is None


def test_the_record_states_rule_and_seed():
    assert drawing_record(500, 50, 3) == {
        "rule": "systematic over samples sorted by video",
        "count": 50,
        "of": 500,
        "seed": 3,
    }
