"""The metrics' toy models: training recipes, and the scores of the shipped weights."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.weights_folder import open_weights_folder
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import read_json
from egoactgen_bench.toy import stand_ins
from egoactgen_bench.toy.judge_network import NOTHING, load_judge
from egoactgen_bench.toy.networks import toy_texts
from egoactgen_bench.toy.networks.drawn_clips import Drawn, draw
from egoactgen_bench.toy.networks.toy_making import RECIPES, make
from egoactgen_bench.weights.stored_tensors import read_tensors, write_tensors

LARGEST = 8.0e6  # bytes of all shipped weights of metrics
NETWORK_METRICS = (
    *("egovlp", "egovlp_plus", "clip", "clip_text", "lpips", "fid", "kid", "dino", "motion"),
    *("blip_b", "blip_b_description", "blip_b_egovlp"),
    *("cmmd", "dreamsim", "fd_dinov2"),
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("frames")


@pytest.fixture(scope="module")
def held_out(cache: Path) -> Drawn:
    return draw("val", 12, cache)


def frames(drawn: Drawn, moment: int) -> list[Image.Image]:
    return [Image.fromarray(pixels) for pixels in drawn.frames[:, moment]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """All recipes in order, trained for two steps on eight clips, and checked on two kitchens."""
    folder = tmp_path_factory.mktemp("toy")
    for name in RECIPES:
        make(name, folder, cache, steps=2, videos=(2, 2))
    return folder


def test_every_recipe_trains_loads_and_scores(made):
    for name in RECIPES:
        card = read_json(made / f"{name}.json")
        assert card["course"]["steps"] == 2
        assert card["loss"] > 0
        for score, value in card["scores"].items():
            assert 0 <= value <= (32 if score.startswith("end_point_error") else 1)  # in pixels


def test_the_same_seed_gives_the_same_weights(made, cache, tmp_path):
    make("judge", tmp_path, cache, steps=2, videos=(2, 2))
    first, again = (read_tensors(each / "judge.safetensors") for each in (made, tmp_path))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_frames_are_cached_and_subsets_share_no_kitchen(cache, held_out):
    again = draw("val", 12, cache)
    assert (again.frames == held_out.frames).all()
    trained = draw("train", 2, cache)
    assert {clip.scene.kitchen for clip in trained.clips}.isdisjoint(
        clip.scene.kitchen for clip in held_out.clips
    )


def test_captions_and_labels_use_words_of_the_vocabulary(held_out):
    known = set(toy_texts.vocabulary())
    for clip, label in zip(held_out.clips, held_out.labels, strict=True):
        sentence = toy_texts.sentence(clip).lower().replace(".", " .")
        texts = f"{toy_texts.caption(clip)} {label} {sentence}"
        assert set(texts.split()) <= known
        assert clip.plan.hand in toy_texts.caption(clip)


def test_shipped_weights_are_small_and_have_cards():
    assert sum(path.stat().st_size for path in stand_ins.FOLDER.rglob("*")) <= LARGEST
    for name in RECIPES:
        card = read_json(stand_ins.FOLDER / f"{name}.json")
        assert {"about", "data", "course", "cpu_seconds", "scores"} <= card.keys()
    known = open_weights_folder(stand_ins.FOLDER).stand_ins
    assert {"egovlp.pth", "ViT-L-14.safetensors", "dinov2-base"} <= known.keys()
    assert all((stand_ins.FOLDER / stand_in).exists() for stand_in in known.values())


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_weights_score_as_their_cards_say(name, held_out):
    """These clips are a subset of the card's, so scores differ by sampling error only."""
    from importlib import import_module

    card = read_json(stand_ins.FOLDER / f"{name}.json")
    recipe = import_module(f"egoactgen_bench.toy.networks.toy_{name}")
    found = recipe.check(held_out, stand_ins.FOLDER)
    assert found.keys() == card["scores"].keys()
    for score, accuracy in found.items():
        if score.startswith("nearest"):  # fewer clips, so fewer neighbours with the same action
            assert accuracy > 0.2
        elif score.startswith("end_point_error"):  # in pixels
            assert accuracy == pytest.approx(card["scores"][score], rel=0.25)
        else:
            assert accuracy == pytest.approx(card["scores"][score], abs=0.2)


def test_the_judge_recognises_actions_and_copies(held_out):
    judge = load_judge()
    before, after = frames(held_out, 0), frames(held_out, 1)
    correct = [
        v.action == a for v, a in zip(judge.read(before, after), held_out.actions, strict=True)
    ]
    assert sum(correct) >= 0.9 * len(correct)
    assert {verdict.action for verdict in judge.read(before, before)} == {NOTHING}
    large = [frame.resize((256, 256), Image.Resampling.BICUBIC) for frame in after]
    same = [v.action == a for v, a in zip(judge.read(before, large), held_out.actions, strict=True)]
    assert sum(same) >= 0.9 * len(same)


def test_the_judge_s_metrics_are_zero_for_copies(held_out):
    truths = [
        json.dumps({"action": a, "hand": h, "x": float(x), "y": float(y)})
        for a, h, (x, y) in zip(held_out.actions, held_out.hands, held_out.places, strict=True)
    ]
    before, after = frames(held_out, 0), frames(held_out, 1)
    for name in ("judge", "judge_side", "judge_target"):
        metric = plugins.find("metrics", name)
        built = metric(metric.Options(), MetricContext())
        true = built.measure(Batch({"input": before, "output": after, "truth": truths}))
        copies = built.measure(Batch({"input": before, "output": before, "truth": truths}))
        assert built.summarise(true) >= 0.75
        assert built.summarise(copies) == 0
        assert "toy/judge.safetensors:" in built.signature()


@pytest.mark.parametrize("name", NETWORK_METRICS)
def test_toy_metrics_rank_the_target_above_the_input(name, held_out, tmp_path):
    metric = plugins.find("metrics", name)
    built = metric(
        metric.variants()["standard"], MetricContext(stand_ins.FOLDER, workspace=tmp_path)
    )
    items = {
        "target": frames(held_out, 1),
        "input": frames(held_out, 0),
        "action": held_out.labels,
        "description": [toy_texts.sentence(clip) for clip in held_out.clips],
    }
    true, copied = (
        built.summarise(built.measure(Batch({"output": frames(held_out, moment), **items})))
        for moment in (1, 0)
    )
    assert true > copied if built.higher_is_better else true < copied
    assert "|toy/" in built.signature()
    assert not built.missing_weights()


def test_a_toy_split_is_scored_with_toy_weights_by_default(bench, tmp_path):
    bench("prepare-splits", "--limit", 4)
    assert bench("run", "--method", "copy-input").status == 0
    result = bench("score", "--reference", "target", "--bootstrap", 0)
    assert result.status == 0, result.err
    table = read_json(tmp_path / "workspace/scores/toy-kitchen/standard/score.json")
    assert {"judge", "egovlp", "egovlp_plus", "clip", "fid", "lpips", "blip_b"} <= set(
        table["metrics"]
    )
    assert "|toy/egovlp.safetensors:" in table["metrics"]["egovlp"]["signature"]
    assert "blip_l" in result.err and "no toy weights" in result.err
    released = bench("score", "--protocol", "lego-release", "--bootstrap", 0)
    assert "(published)" not in released.out
    others = bench("score", "--weights-dir", tmp_path, "--metrics", "egovlp")
    assert others.status == 1
    assert "bench models fetch egovlp.pth" in others.err


def test_a_toy_split_contains_the_ground_truth(bench, tmp_path):
    bench("prepare-splits", "--limit", 4)
    split = load_split(tmp_path / "workspace/splits/toy-kitchen")
    assert list(split.truth()) == list(split.samples["sample_id"])
    assert set(next(iter(split.truth().values()))) == {"action", "hand", "x", "y"}
    assert bench("verify", split.folder).status == 0


def test_stored_tensors_are_read_as_float32(tmp_path):
    tensors = {"half": torch.tensor([0.5, 0.1]), "count": torch.tensor(3)}
    write_tensors(tmp_path / "some.safetensors", tensors)
    read = read_tensors(tmp_path / "some.safetensors")
    assert read["half"].dtype == torch.float32
    assert read["half"].tolist() == pytest.approx([0.5, 0.1], abs=1e-3)
    assert read["count"].dtype == torch.int64
