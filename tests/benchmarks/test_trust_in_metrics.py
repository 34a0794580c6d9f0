"""How far metrics can be trusted: control images, and the tables on scores of known order."""

from random import Random
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmarks.toy_kitchen.trust import control_page, judge_agreement
from benchmarks.toy_kitchen.trust.control_images import (
    CONTROLS,
    SHIFT,
    filmed_clips,
    noise,
    other_action,
    shifted,
    write_controls,
)
from benchmarks.toy_kitchen.trust.control_table import RUN, control_table, failed_pairs
from benchmarks.toy_kitchen.trust.expected_orders import COMMON, QUESTIONS, question_of
from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.support.images import read_rgb, write_png
from egoactgen_bench.toy.world.actions import possible
from egoactgen_bench.toy.world.filming import video_clips, video_uid
from egoactgen_bench.toy.world.motion import LENGTH, PNR
from egoactgen_bench.toy.world.rendering import render

VIDEOS, CLIPS = 10, 4


def test_the_shifted_target_is_moved_by_known_pixels():
    values = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
    moved = np.asarray(shifted(Image.fromarray(values), 2))
    assert np.array_equal(moved[:, 2:], values[:, :-2])
    assert np.array_equal(moved[:, :2], values[:, [0, 0]])


def test_another_action_of_the_same_scene_with_the_same_camera():
    clips = video_clips("val", 0)
    for number, clip in enumerate(clips):
        other = other_action(clip, str(number))
        assert other.action != clip.action
        assert other.scene is clip.scene
        assert other.action in possible(clip.scene, Random(0))
        assert other_action(clip, str(number)).plan == other.plan
    target, other = (
        np.asarray(render(each.moment(PNR), clips[0].camera(PNR), 64), int)
        for each in (clips[0], other_action(clips[0], "0"))
    )
    changed = np.abs(target - other).max(axis=2) > 30
    assert 0.01 < changed.mean() < 0.5  # the action, and not the whole image


def test_controls_are_written_once_for_every_sample(tmp_path):
    names = [f"{video_uid('val', 0)}_{index * LENGTH + PNR}" for index in range(2)]
    assert filmed_clips(set(names)).keys() >= set(names)
    for role in ("input", "target"):
        write_png(tmp_path / f"{role}.png", noise((32, 32), role))
    columns = {"sample_id": names, "input_frame": "input.png", "target_frame": "target.png"}
    split = SimpleNamespace(samples=pd.DataFrame(columns), frame_path=lambda name: tmp_path / name)
    assert list(write_controls(split, tmp_path / "made")) == names
    images = {name: read_rgb(tmp_path / "made" / name / f"{names[0]}.png") for name in CONTROLS}
    assert images["target"] == read_rgb(tmp_path / "target.png")
    assert images["copy"] == read_rgb(tmp_path / "input.png")
    assert np.array_equal(images["shifted"], shifted(images["target"], SHIFT))
    assert len({image.tobytes() for image in images.values()}) == len(CONTROLS)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*.png")}
    list(write_controls(split, tmp_path / "made"))
    assert before == {path: path.stat().st_mtime_ns for path in before}


def scores_of(values: dict[str, np.ndarray], runs: list[str], lower=(), sets=()):
    """Scores with these (samples, runs) values; of `sets`, only their means are known."""
    records = {
        name: MetricRecord(
            **{"label": name.upper(), "unit": "", "factor": 1.0, "decimals": 2},
            **{"higher_is_better": name not in lower, "primary": False},
            **{"per_sample": name not in sets, "signature": name},
        )
        for name in values
    }
    means = {name: found.mean(axis=0) for name, found in values.items()}
    return SimpleNamespace(
        metrics=records,
        runs=runs,
        summary=pd.DataFrame({"run": runs, "n": VIDEOS * CLIPS} | means),
        per_sample=lambda _, names: np.stack([values[name] for name in names], axis=-1),
        manifest=SimpleNamespace(split="drawn", runs=[SimpleNamespace(samples=VIDEOS * CLIPS)]),
    )


@pytest.fixture
def split():
    ids = range(VIDEOS * CLIPS)
    samples = {"sample_id": ids, "video_id": np.repeat(np.arange(VIDEOS), CLIPS)}
    return SimpleNamespace(samples=pd.DataFrame(samples))


def ordered_values(order: tuple[str, ...], wrong: float = 0.0) -> np.ndarray:
    """(samples, controls) values that fall along `order`; of a share of samples, they rise."""
    value = {name: float(len(order) - place) for place, name in enumerate(order)}
    falling = np.tile([value[name] for name in CONTROLS], (VIDEOS * CLIPS, 1))
    rising = np.arange(VIDEOS * CLIPS) % 10 < 10 * wrong
    return np.where(rising[:, None], -falling, falling)


def test_a_metric_passes_the_orders_that_it_finds(split):
    swapped = ("target", "shifted", "copy", "other-action", "noise")
    values = {
        "psnr": ordered_values(CONTROLS),
        "lpips": -ordered_values(swapped),
        "clip": ordered_values(CONTROLS, wrong=0.5),
        "psnr_background": ordered_values(("target", "other-action", "copy", "shifted", "noise")),
        "fid": ordered_values(CONTROLS),
    }
    runs = [RUN.format(name) for name in CONTROLS]
    scores = scores_of(values, runs[::-1], lower=("lpips",), sets=("fid",))
    reversed_values = {name: found[:, ::-1] for name, found in values.items()}
    scores.per_sample = lambda _, names: np.stack([reversed_values[n] for n in names], axis=-1)
    found = control_table(scores, split, list(values), {"fid": ordered_values(CONTROLS)[:16]})
    wrong = {
        (name, order): failed_pairs(found, name, order)
        for name in values
        for order in ("own", "common")
    }
    assert wrong["psnr", "common"] == wrong["psnr", "own"] == []
    assert wrong["lpips", "own"] == []
    assert wrong["lpips", "common"] == ["other-action > copy"]
    assert len(wrong["clip", "common"]) == len(COMMON)
    assert wrong["psnr_background", "own"] == []
    assert wrong["psnr_background", "common"] == ["shifted > other-action"]
    assert wrong["fid", "own"] == wrong["fid", "common"] == []
    rights = found[found["kind"] == "order"].set_index(["metric", "what"])["right"]
    assert {key: not names for key, names in wrong.items()} == rights.to_dict()
    pairs = found[(found["metric"] == "clip") & (found["kind"] == "pair")]
    assert pairs["value"].tolist() == pytest.approx([0.5] * len(pairs))
    page = control_page.markdown(found, scores)
    assert "| LPIPS | action | passes | – | fails | other-action > copy |" in page
    assert "| FID | set | passes | – | passes | – |" in page


def test_ties_count_half_and_missing_values_nothing(split):
    values = ordered_values(CONTROLS)
    values[:, 1] = values[:, 0]
    values[:4] = np.nan
    values[4:, 0] = values[4:, 1] = np.inf
    runs = [RUN.format(name) for name in CONTROLS]
    found = control_table(scores_of({"psnr": values}, runs), split, ["psnr"], {})
    pairs = found[found["kind"] == "pair"].set_index("what")
    assert pairs.loc["target > shifted", ["value", "n", "right"]].tolist() == [0.5, 36, False]
    assert pairs.loc["shifted > other-action", ["value", "right"]].tolist() == [1.0, True]


def test_agreement_with_the_judge_over_runs_and_on_controls(split):
    right = np.tile([1.0, 0.0, 1.0, 0.0], (VIDEOS * CLIPS, 1))
    verdicts = {"judge": right, "judge_side": right, "judge_target": right}
    values = {**verdicts, "good": right, "bad": -right, "set": right}
    scores = scores_of(values, ["lego-s0", "sdedit-s0", "sdedit-s1", "ip2p-s0"], sets=("set",))
    runs = [RUN.format(name) for name in CONTROLS]
    controls = scores_of({"good": ordered_values(CONTROLS)}, runs)
    found = judge_agreement.table(scores, split, ["good", "bad", "set"], controls, draws=0)
    rows = found.set_index(["metric", "verdict"])
    assert rows.loc[("good", "action"), ["within", "runs"]].tolist() == pytest.approx([1, 1])
    assert rows.loc[("bad", "all three"), ["within", "runs"]].tolist() == pytest.approx([-1, -1])
    assert np.isnan(rows.loc[("set", "all three"), "within"])
    assert rows.loc[("set", "all three"), "runs"] == pytest.approx(1)
    assert rows.loc[("good", "controls"), "within"] == pytest.approx(6 / np.sqrt(60))
    assert rows.loc[("bad", "equal methods"), "within"] == pytest.approx(-1)
    page = judge_agreement.markdown(found, scores)
    assert page.index("| GOOD |") < page.index("| BAD |") < page.index("| SET |")
    assert "1.00 [–]" in page
    assert "nan" not in page


def test_own_orders_have_no_pair_that_the_common_order_reverses():
    places = {name: place for place, name in enumerate(CONTROLS)}
    for question in QUESTIONS.values():
        assert all(places[better] < places[worse] for better, worse in question.pairs)
    assert question_of("lpips_background") == "scene"
    assert question_of("blip_b_egovlp") == "label"
    assert question_of("a_new_set", per_sample=False) == "set"
    assert question_of("a_new_one") == "action"
