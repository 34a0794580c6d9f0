"""The VLLM's features computed on demand: bit-identical to those in files, and cached."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.train import train_weights
from egoactgen_lego.features.conditioning_names import paper_kinds
from egoactgen_lego.features.feature_computation import Embedder
from egoactgen_lego.features.feature_files import FeatureWriter
from egoactgen_lego.features.feature_folder import FeatureFolder
from egoactgen_lego.generator.lego_method import LEGO, LEGOOptions
from egoactgen_lego.generator.live_features import LiveFeatures
from egoactgen_lego.generator.vllm_conditioning import Conditioner, save_conditioner
from egoactgen_lego.stages.embed import embed
from egoactgen_lego.vllm.engine import Engine, EngineOptions
from egoactgen_lego.vllm.vllm_model import VLLM
from tiny_vllm import PATCHES, WIDTH, write_tiny_vllm

SIZES = {"vllm_width": WIDTH, "image_tokens": PATCHES, "text_tokens": 77}
KINDS = ("image", "text")
STEPS = ("-o", "steps=1", "--device", "cpu")


@pytest.fixture(scope="module")
def vllm(tmp_path_factory):
    return write_tiny_vllm(tmp_path_factory.mktemp("vllm") / "tiny-vllm")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Untrained weights whose conditioner takes the tiny VLLM's features."""
    folder = tmp_path_factory.mktemp("weights") / "joint"
    shutil.copytree(untrained_weights.folder(tmp_path_factory.mktemp("models")), folder)
    torch.manual_seed(0)
    sizes = {"width": untrained_weights.WIDTH, "heads": 2, "feed_forward": 16}
    save_conditioner(Conditioner("joint", **sizes, **SIZES), folder / "conditioner")
    return folder


@pytest.fixture
def described(drawn_split):
    """The drawn split with descriptions of different lengths."""
    table = load_split(drawn_split).samples[["sample_id"]].copy()
    table["description"] = [f"The person's hand{' now' * n} moves." for n in range(len(table))]
    (drawn_split / "descriptions").mkdir()
    table.to_csv(drawn_split / "descriptions" / "mine.csv", index=False)
    return drawn_split


def embedded(split, vllm, folder, dtype="float16", cache=None, **choices):
    engine = Engine(load_split(split), vllm, EngineOptions(device="cpu", **choices))
    texts = load_descriptions(split, "mine")
    assert not embed(engine, texts, FeatureWriter(folder, dtype=dtype), cache=cache).failed
    return FeatureFolder(folder, paper_kinds())


@pytest.fixture
def computed(monkeypatch):
    """The calls that compute features of a text."""
    calls = []
    states = VLLM.states
    monkeypatch.setattr(VLLM, "states", lambda *asked: calls.append(asked[1]) or states(*asked))
    return calls


def pictures(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "images").iterdir())}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_live_features_are_those_of_the_files(described, vllm, tmp_path, dtype):
    found = embedded(described, vllm, tmp_path / "together", dtype, batch_size=4)
    other = embedded(described, vllm, tmp_path / "apart", dtype, batch_size=1)
    assert found.digest() == other.digest()
    live = LiveFeatures(Embedder(vllm, features_dtype=dtype), paper_kinds())
    texts = load_descriptions(described, "mine").texts
    for sample in load_split(described).samples.to_dict("records"):
        frame = Image.open(described / sample["input_frame"]).convert("RGB")
        made = live.of(frame, sample["action"], texts[sample["sample_id"]], SIZES)
        kept = found.of(sample["sample_id"], SIZES)
        assert made.keys() == kept.keys() == set(KINDS)
        for kind in KINDS:
            assert torch.equal(made[kind], kept[kind])
            assert kept[kind].any()


def test_a_run_with_a_vllm_gives_the_bytes_of_one_with_files(
    bench, described, vllm, weights, tmp_path
):
    embedded(described, vllm, tmp_path / "features")
    common = ("run", "--method", "lego", "--weights", weights, "--descriptions", "mine", *STEPS)
    files = bench(*common, "-o", f"features={tmp_path / 'features'}", "--name", "files")
    assert files.status == 0, files.err
    live = bench(*common, "-o", f"vllm={vllm}", "--name", "live")
    assert live.status == 0, live.err
    runs = tmp_path / "workspace" / "runs" / "drawn-val"
    assert pictures(runs / "files") == pictures(runs / "live")
    kept = {path.name for path in (tmp_path / "workspace" / "cache").glob("*")}
    assert kept <= {"hashes"}  # features only with keep_features
    manifest = json.loads((runs / "live" / "run.json").read_text())
    assert len(manifest["sources"]["vllm"]) == 64


def test_the_content_of_features_is_recorded(bench, described, vllm, weights, tmp_path):
    folder = tmp_path / "features"
    embedded(described, vllm, folder)
    asked = ("run", "--method", "lego", "--weights", weights, "--descriptions", "mine", *STEPS)
    asked += ("--limit", "2", "-o", f"features={folder}")
    assert bench(*asked).status == 0
    changed = folder / "text" / "V02_5.safetensors"  # not among the first two
    shutil.copyfile(folder / "text" / "V01_4.safetensors", changed)
    assert "This run is already complete" in bench(*asked).out
    shutil.copyfile(folder / "image" / "V02_2.safetensors", folder / "image" / "V00_0.safetensors")
    result = bench(*asked)
    assert result.status == 2
    assert "sources.features" in result.err


def test_a_vllm_generates_the_descriptions_that_are_not_given(
    bench, described, vllm, weights, tmp_path
):
    """The same as those of `enrich` with the same seed."""
    enriched = bench("lego", "enrich", "--weights", vllm, "--seed", 3, "--limit", 2)
    assert enriched.status == 0, enriched.err
    options = ("--method", "lego", "--weights", weights, *STEPS, "-o", f"vllm={vllm}")
    result = bench("run", *options, "--limit", 2, "--seed", 3)
    assert result.status == 0, result.err
    assert "wrote 2 descriptions" in result.out
    samples = pd.read_csv(tmp_path / "workspace" / "runs" / "drawn-val" / "lego" / "samples.csv")
    texts = load_descriptions(described, "vllm").texts
    assert dict(zip(samples["sample_id"], samples["prompt"], strict=True)) == texts

    actions = ("--action", "open drawer", "--action", "take knife")
    result = bench("imagine", "V00_0", *actions, *options, "--seed", 3, "--out", tmp_path / "out")
    assert result.status == 0, result.err
    frames = json.loads((tmp_path / "out" / "imagine.json").read_text())["frames"]
    assert frames[0]["prompt"] == texts["V00_0"]
    assert frames[1]["prompt"] not in ("", texts["V00_0"])
    assert f"open drawer: prompted with “{texts['V00_0']}”" in result.out
    # The grid is as tall as its longest text: taller than with the label alone.
    plain_weights = ("--weights", untrained_weights.NAME)
    plain = ("--method", "lego", *plain_weights, *STEPS, "--out", tmp_path / "plain")
    labels = bench("imagine", "V00_0", *actions, *plain)
    assert "open drawer: prompted with the label, without a description" in labels.out
    grids = [Image.open(tmp_path / name / "grid.png").height for name in ("out", "plain")]
    assert grids[0] > grids[1]


def test_training_with_a_vllm_is_training_from_files(described, vllm, tmp_path, computed):
    embedded(described, vllm, tmp_path / "features")
    del computed[:]
    options = {"init": untrained_weights.NAME, "size": 32, "iterations": 3, "batch_size": 6}

    def trained(name, **more):
        train_weights.train(
            "lego",
            load_split(described),
            tmp_path / name,
            models=tmp_path / "models",
            cache=tmp_path / "cache",
            descriptions="mine",
            options=options | more,
            device="cpu",
        )
        weights = sorted((tmp_path / name).rglob("*.safetensors"))
        return {path.relative_to(tmp_path / name): path.read_bytes() for path in weights}

    files = trained("files", features=str(tmp_path / "features"))
    assert not computed
    assert trained("live", vllm=str(vllm)) == files
    assert len(computed) == 6  # although each sample is used three times
    sources = json.loads((tmp_path / "live" / "train.json").read_text())["sources"]
    assert len(sources["vllm"]) == 64


def test_cached_features_are_not_computed_again(described, vllm, tmp_path, computed):
    cache = tmp_path / "cache"
    first = embedded(described, vllm, tmp_path / "first", cache=cache)
    assert len(computed) == 6
    other = described.with_name("other-val")  # the same frames, other ids
    shutil.copytree(described, other)
    for table in ("samples.csv", "descriptions/mine.csv"):
        text = (other / table).read_text()
        (other / table).write_text(text.replace("\nV0", "\nW0").replace("frames/V0", "frames/W0"))
    for frames in list((other / "frames").iterdir()):
        frames.rename(frames.with_name(frames.name.replace("V0", "W0")))
    second = embedded(other, vllm, tmp_path / "second", cache=cache)
    assert len(computed) == 6
    paths = [tmp_path / name for name in ("first/text/V00_0", "second/text/W00_0")]
    assert paths[0].with_suffix(".safetensors").samefile(paths[1].with_suffix(".safetensors"))
    assert np.array_equal(first.read("text", "V01_1", SIZES), second.read("text", "W01_1", SIZES))

    embedder = Embedder(vllm, cache=cache)  # as of a run or a training
    frame = Image.open(described / "frames" / "V01_1" / "input.png").convert("RGB")
    made = embedder.of(frame, "take mug", load_descriptions(described, "mine").texts["V01_1"])
    assert np.array_equal(made["image"].float(), first.read("image", "V01_1", SIZES))
    assert "vllm" not in vars(embedder)  # never loaded

    embedded(described, vllm, tmp_path / "bfloat16", "bfloat16", cache=cache)
    assert len(computed) == 12


@pytest.mark.parametrize("damage", ["torn", "another's"])
def test_a_damaged_file_of_the_cache_is_computed_again(vllm, tmp_path, damage):
    embedder = Embedder(vllm, cache=tmp_path)
    frame = Image.effect_noise((40, 30), 50).convert("RGB")
    asked, other = (frame, "open drawer", "The hand pulls."), (frame.rotate(180), "x", "It turns.")
    whole, _ = embedder.of(*asked), embedder.of(*other)
    for path, stranger in zip(
        *(embedder.cached_paths(*each).values() for each in (asked, other)), strict=True
    ):
        data = path.read_bytes()[:-7] if damage == "torn" else stranger.read_bytes()
        path.write_bytes(data)  # in place, as through a link
    again = embedder.of(*asked)
    assert all(torch.equal(whole[kind], again[kind]) for kind in KINDS)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"vllm": "absent"}, "Unknown VLLM 'absent'"),
        ({"vllm": "x", "features": "."}, "not both"),
        ({}, "or -o vllm=NAME"),
    ],
)
def test_invalid_calls_are_refused(weights, options, named):
    with pytest.raises(BenchError, match=named):
        LEGO(LEGOOptions(**options), MethodContext(weights, described=True))


def test_a_vllm_that_does_not_fit_is_refused(weights, vllm, tmp_path):
    plain = untrained_weights.folder(tmp_path)
    with pytest.raises(BenchError, match="conditioned on the action's label only"):
        LEGO(LEGOOptions(vllm=str(vllm)), MethodContext(plain))
    method = LEGO(LEGOOptions(vllm=str(vllm), prompt="description"), MethodContext(plain))
    assert method.features.kinds == ()
    other = tmp_path / "other"
    shutil.copytree(weights, other)
    sizes = {
        "width": untrained_weights.WIDTH,
        "vllm_width": WIDTH + 1,
        "heads": 2,
        "feed_forward": 16,
    }
    save_conditioner(Conditioner("joint", **sizes), other / "conditioner")
    with pytest.raises(BenchError, match=f"vllm_width is {WIDTH}, expected {WIDTH + 1}"):
        LEGO(LEGOOptions(vllm=str(vllm)), MethodContext(other))


def test_a_given_description_is_used_unchanged(weights, vllm):
    method = LEGO(LEGOOptions(vllm=str(vllm)), MethodContext(weights))
    frame = Image.new("RGB", (30, 20))
    request = Request("a", frame, "open drawer", "The hand pulls.", 1)
    assert method.prompt(request) == "The hand pulls."
    assert not method.features.written
