"""A feature kind from outside the repository: training, runs, conversion, ablation, errors."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import third_kind
from compvis import write_checkpoint
from drawn_split import write_drawn_split
from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.conversion import convert
from egoactgen_lego.ablation.control_files import randomise_features
from egoactgen_lego.features.conditioning_names import canonical, kinds_of
from egoactgen_lego.features.feature_computation import Embedder
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.generator.lego_trainer import LEGOTrainer, LEGOTrainingOptions
from egoactgen_lego.generator.live_features import LiveFeatures
from egoactgen_lego.generator.vllm_conditioning import (
    Conditioner,
    load_conditioner,
    save_conditioner,
)
from tiny_vllm import PATCHES, write_tiny_vllm
from tiny_vllm import WIDTH as VLLM_WIDTH

THREE = "joint+depth_kind:Depth"
TRAIN = ("size=16", "batch_size=2", "iterations=2", f"init={untrained_weights.NAME}")


@pytest.fixture
def depth(tmp_path, monkeypatch):
    """The current folder, with the third party's file."""
    here = tmp_path / "third-party"
    third_kind.write_module(here)
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield here
    sys.modules.pop("depth_kind", None)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """The untrained weights, created once."""
    models = tmp_path_factory.mktemp("models")
    untrained_weights.folder(models)
    return models


@pytest.fixture
def split(drawn_split, networks):
    """The drawn split with descriptions, and with features of three kinds in `features/`."""
    shutil.copytree(networks, drawn_split.parents[1] / "models")
    ids = load_split(drawn_split).samples["sample_id"]
    (drawn_split / "descriptions").mkdir()
    texts = pd.DataFrame({"sample_id": ids, "description": "The hand pulls."})
    texts.to_csv(drawn_split / "descriptions" / "mine.csv", index=False)
    third_kind.write_features(drawn_split / "features", ids)
    return drawn_split


@pytest.fixture
def train(bench, split):
    def call(conditioning=THREE, *more):
        options = (*TRAIN, f"conditioning={conditioning}", f"features={split / 'features'}", *more)
        words = ("--split", "drawn-val", "--descriptions", "mine", "--device", "cpu")
        return bench("train", "lego", *words, *(w for o in options for w in ("-o", o)))

    return call


@pytest.fixture
def run(bench, split):
    def call(name, *more):
        words = ("--weights", "lego-drawn-val", "--descriptions", "mine", "--device", "cpu")
        words += ("-o", f"features={split / 'features'}", "-o", "steps=2", "--name", name)
        return bench("run", "--method", "lego", *words, *more)

    return call


def images(split, name):
    folder = split.parents[1] / "runs" / split.name / name / "images"
    return {path.stem: np.asarray(Image.open(path)).astype(int) for path in folder.iterdir()}


def test_one_file_adds_a_kind_that_is_trained_on_and_changes_the_image(depth, train, run, split):
    missing, changed = "V01_4", "V00_0"
    (split / "features" / "depth" / f"{missing}.npy").unlink()
    result = train()
    assert result.status == 1, result.err
    weights = split.parents[1] / "models" / "lego-drawn-val"
    manifest = json.loads((weights / "train.json").read_text())
    assert manifest["left_out"] == {missing: "missing_features"}
    config = json.loads((weights / "conditioner" / "config.json").read_text())
    assert config["conditioning"] == THREE
    assert (config["depth_tokens"], config["depth_width"]) == (4, 3)
    stored = load_file(weights / "conditioner" / "model.safetensors")
    assert stored["projection_depth.weight"].shape == (untrained_weights.WIDTH, 3)

    first = run("first")
    assert first.status == 1
    assert f"{missing}: missing_features" in first.out + first.err
    path = split / "features" / "depth" / f"{changed}.npy"
    np.save(path, -np.load(path))
    assert run("second").status == 1
    before, after = images(split, "first"), images(split, "second")
    assert before.keys() == after.keys() == {"V00_0", "V01_1", "V02_2", "V00_3", "V02_5"}
    differences = {name: np.abs(before[name] - after[name]).max() for name in before}
    assert differences.pop(changed) > 1
    assert max(differences.values()) == 0


def test_a_third_kind_does_not_change_the_initial_weights_of_the_others(depth, split, tmp_path):
    """So their initialisation does not depend on what else is in C."""
    drawn = {}
    for conditioning in ("joint", THREE):
        options = LEGOTrainingOptions(
            init="scratch", conditioning=conditioning, features=split / "features"
        )
        texts = load_descriptions(split, "mine")
        context = TrainingContext(load_split(split), tmp_path, tmp_path, tmp_path, texts)
        drawn[conditioning] = LEGOTrainer(options, context).conditioner(24).state_dict()
    own = drawn[THREE].keys() - drawn["joint"].keys()
    assert own == {"projection_depth.weight", "projection_depth.bias"}
    assert all(torch.equal(drawn[THREE][name], each) for name, each in drawn["joint"].items())


def test_an_entry_point_gives_a_kind_its_name(depth, monkeypatch):
    third_kind.write_distribution(depth / "installed")
    monkeypatch.syspath_prepend(str(depth / "installed"))
    assert [kind.name for kind in kinds_of("depth+joint")] == ["image", "text", "depth"]
    assert canonical("depth+text+image") == "joint+depth"
    assert canonical("text") == "text"
    assert canonical("text+image") == "joint"
    with pytest.raises(BenchError, match=r"'dept' in conditioning .* Did you mean 'depth'\?"):
        kinds_of("joint+dept")


@pytest.mark.parametrize(
    ("conditioning", "sentence"),
    [
        ("imag", "Unknown feature kind 'imag'. Did you mean 'image'?"),
        (
            "joint+x",
            "Unknown feature kind 'x' in conditioning 'joint+x'. Known: image, joint, text.",
        ),
        ("joint+", "Unknown feature kind ''"),
        ("joint+nowhere:Depth", "no importable module 'nowhere'"),
        ("joint+pathlib:Path", "'pathlib:Path' is not a class derived from"),
        ("labels+image", "joins 'labels' with feature kinds"),
        ("joint+image", "names 'image' twice"),
    ],
)
def test_an_unknown_kind_is_refused_before_anything_is_trained(
    train, split, conditioning, sentence
):
    result = train(conditioning)
    assert (result.status, sentence in result.err) == (2, True), result.err
    assert not (split.parents[1] / "models" / "lego-drawn-val").exists()


@pytest.mark.parametrize(
    ("declared", "sentence"),
    [
        ('name = "prompt"', "must not be one of"),
        ('name = "a/b"', "must consist of a-z"),
        ("tokens = 3", "is called None"),
        ('name = "depth"; varies = True', "must set `tokens`"),
    ],
)
def test_a_wrong_declaration_is_refused(depth, declared, sentence):
    path = depth / "depth_kind.py"
    path.write_text(path.read_text().replace('name = "depth"', declared))
    with pytest.raises(BenchError, match=sentence):
        kinds_of(THREE)


def test_features_and_kinds_that_are_missing_are_named(depth, train, run, split, bench):
    models = split.parents[1] / "models"
    write_tiny_vllm(models / "tiny")
    weights = models / "lego-drawn-val"
    shutil.copytree(untrained_weights.folder(models), weights)
    sizes = {"width": untrained_weights.WIDTH, "vllm_width": 12, "heads": 2, "image_tokens": 5}
    conditioner = Conditioner(THREE, **sizes, depth_width=3, depth_tokens=4)
    save_conditioner(conditioner, weights / "conditioner")
    (split / "features" / "depth").rename(split / "elsewhere")
    for call in (train, lambda: run("without")):
        result = call()
        assert result.status == 2
        assert f"{split / 'features'} contains no depth features" in result.err
    words = ("--weights", "lego-drawn-val", "--descriptions", "mine", "-o", "vllm=tiny")
    result = bench("run", "--method", "lego", *words)
    assert result.status == 2
    assert "A VLLM does not compute 'depth' features, which come from files only" in result.err

    (depth / "depth_kind.py").unlink()
    del sys.modules["depth_kind"]
    result = run("gone")
    assert result.status == 2
    config = weights / "conditioner" / "config.json"
    assert f"{config} names a feature kind that is unavailable" in result.err
    assert "'depth_kind:Depth'" in result.err
    assert "Install the package that declares it" in result.err


def test_a_checkpoint_with_a_third_kind_is_converted(depth, tmp_path):
    path = write_checkpoint(tmp_path / "three.ckpt")
    state = torch.load(path, weights_only=True)["state_dict"]
    state["projection_depth.weight"] = torch.ones(16, 3)
    state["projection_depth.bias"] = torch.zeros(16)
    torch.save({"state_dict": state}, path)
    with pytest.raises(BenchError, match=r"has unknown tensors: projection_depth\.bias"):
        convert(path, tmp_path / "unstated")
    stated = tmp_path / "config.json"
    stated.write_text(json.dumps({"conditioning": THREE}))
    with pytest.raises(BenchError, match="size 'depth_tokens' is unknown"):
        convert(path, tmp_path / "without-tokens", config=stated)
    stated.write_text(json.dumps({"conditioning": THREE, "conditioner": {"depth_tokens": 4}}))
    folder = convert(path, tmp_path / "converted", config=stated)
    conditioner = load_conditioner(folder / "conditioner")
    assert conditioner.takes == ("image", "text", "depth")
    assert (conditioner.sizes["depth_width"], conditioner.sizes["depth_tokens"]) == (3, 4)
    prompt, features = torch.zeros(1, 77, 16), {"depth": torch.ones(1, 4, 3)}
    features |= {"image": torch.zeros(1, 256, 12), "text": torch.zeros(1, 77, 12)}
    context = conditioner(prompt, **features)
    assert context.shape == conditioner.null(prompt).shape == (1, 77 + 256 + 77 + 4, 16)
    assert torch.equal(context[:, -4:], torch.full((1, 4, 16), 3.0))


def test_an_ablation_compares_a_third_kind(depth, bench, split):
    root = split.parents[1]
    train_split = write_drawn_split(root / "splits" / "drawn-train", 3, (32, 32), "train")
    ids = load_split(train_split).samples["sample_id"]
    (train_split / "descriptions").mkdir()
    table = pd.DataFrame({"sample_id": ids, "description": "The hand pulls."})
    table.to_csv(train_split / "descriptions" / "mine.csv", index=False)
    third_kind.write_features(root / "features" / "mine" / "drawn-train", ids)
    (split / "features").rename(root / "features" / "mine" / "drawn-val")
    words = [w for option in TRAIN for w in ("-o", f"train.{option}")]
    words += ["-o", "run.steps=2", "--metrics", "psnr", "--device", "cpu", "--descriptions", "mine"]
    result = bench("lego", "ablate", "--rows", THREE, *words)
    assert result.status == 0, result.err
    folder = root / "ablations" / "drawn-val" / "ablation" / "conditioning"
    rows = pd.read_csv(folder / "table.csv")["run"].tolist()
    assert rows == ["descriptions + joint + depth_kind:Depth"]
    assert (
        root / "runs" / "drawn-val" / "ablation-joint-depth_kind-Depth-s0" / "run.json"
    ).is_file()

    folder = root / "features" / "mine" / "drawn-val" / "depth"
    for path in folder.iterdir():
        path.unlink()
    result = bench("lego", "ablate", "--rows", THREE, "--name", "other", *words)
    assert result.status == 2
    assert (
        f"needs depth features of split 'drawn-val', and {folder.parent} contains none"
        in result.err
    )
    assert f"write {folder}/<sample_id>.npy" in result.err


def test_random_features_cover_a_third_kind(depth, tmp_path):
    ids = [f"s{number}" for number in range(30)]
    real = third_kind.write_features(tmp_path / "real", ids)
    kinds = kinds_of(THREE)
    made = FeatureFolder(randomise_features(real, tmp_path / "random", kinds), kinds)
    sizes = {"text_tokens": 77, **made.sizes()}
    depths = np.concatenate([made.read("depth", sample_id, sizes) for sample_id in ids])
    assert depths.shape == (30 * 4, 3)
    assert np.allclose(depths.mean(0), 0, atol=0.4)
    assert np.allclose(depths.std(0), 1, atol=0.3)


def test_a_kind_may_be_computed_by_a_vllm_and_build_its_own_module(depth, bench, split):
    """Here the mean of H_i, one token; computed on demand and read from files alike."""
    (depth / "depth_kind.py").write_text(
        "from torch import nn\n"
        "from egoactgen_lego.features.feature_kind import FeatureKind\n\n"
        "class Depth(FeatureKind):\n"
        "    name, tokens, width_name = 'depth', 1, 'vllm_width'\n\n"
        "    def compute(self, reading):\n"
        "        return reading.image_states.mean(dim=0, keepdim=True)\n\n"
        "    def build(self, sizes, dropout):\n"
        "        layers = nn.Linear(sizes['vllm_width'], sizes['width']), nn.GELU()\n"
        "        return {'projection_depth': nn.Sequential(*layers)}\n"
    )
    root = split.parents[1]
    write_tiny_vllm(root / "models" / "tiny")
    words = ("--weights", "tiny", "--descriptions", "mine", "--device", "cpu")
    kinds = ("--features-kinds", THREE)
    result = bench("lego", "embed", *words, "--out", root / "embedded", *kinds)
    assert result.status == 0, result.err
    found = FeatureFolder(root / "embedded", kinds_of(THREE))
    assert found.sizes() == {
        "vllm_width": VLLM_WIDTH,
        "image_tokens": PATCHES,
        "depth_tokens": 1,
    }
    live = LiveFeatures(Embedder(root / "models" / "tiny"), kinds_of(THREE))
    sizes = {"text_tokens": 77, **found.sizes()}
    assert live.sizes().items() <= sizes.items()
    sample = load_split(split).samples.iloc[0]
    frame = Image.open(split / sample["input_frame"]).convert("RGB")
    states = live.of(frame, sample["action"], "The hand pulls.", sizes)
    stored = found.of(sample["sample_id"], sizes)
    assert states.keys() == stored.keys() == {"image", "text", "depth"}
    assert all(torch.equal(states[name], stored[name]) for name in stored)
    assert torch.allclose(states["depth"], states["image"].mean(0), atol=1e-3)
    conditioner = Conditioner(THREE, width=16, heads=2, **sizes).eval()
    context = conditioner(torch.zeros(1, 77, 16), **{n: s[None] for n, s in states.items()})
    assert context.shape == (1, 77 + PATCHES + 77 + 1, 16)
    assert context[:, -1].abs().max() > 0
