"""What the autoencoder and linear codes keep of target frames."""

import numpy as np
import pytest

import egoactgen_bench as bench
from benchmarks.toy_kitchen.reconstructions import LINEAR, measured
from benchmarks.toy_kitchen.shares import share
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.toy import DENOISER_WEIGHTS

CLIPS = 24


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    split = bench.prepare(
        "toy-kitchen",
        subset="train",
        limit=CLIPS,
        options={"size": 128},
        size=128,
        workspace=tmp_path_factory.mktemp("kitchen"),
    )
    return measured(load_split(split.folder), DENOISER_WEIGHTS / "vae")


def test_half_of_the_clips_is_measured_with_every_code(table):
    assert [*table["code"]] == ["true frames", "autoencoder", *["linear"] * len(LINEAR)]
    assert {*table["clips"]} == {CLIPS // 2}
    assert table["correct"][0] >= 90
    assert table[["lo", "hi"]].isna().all(axis=None)  # in 3 videos, all of them are right


def test_shares_have_intervals_over_videos():
    right = np.array([1.0, 1.0, 1.0, 0.0] * 10)
    found = share(right, np.arange(len(right)))  # of a video each
    assert found["correct"] == 75
    wide = share(right, np.arange(len(right)) % 8)  # of eight videos, all right or all wrong
    assert wide["lo"] < found["lo"] < 75 < found["hi"] < wide["hi"]


def test_the_autoencoder_is_better_than_a_linear_code_of_its_size(table):
    psnr = table.set_index(["code", "channels"])["psnr"]
    assert psnr["linear"].is_monotonic_increasing
    channels = table["channels"][1]
    assert psnr["autoencoder", channels] > psnr["linear", channels] + 3
