"""Toy weights on a data set that they do not know: refused unless they are named, and recorded."""

import json
from pathlib import Path

import pytest

from drawn_split import write_drawn_split
from egoactgen_baselines import toy as baselines_toy
from egoactgen_bench.api import toy_weights
from egoactgen_bench.artifacts.manifests import RunManifest
from egoactgen_bench.support.files import sha256_file, write_json
from egoactgen_lego.toy import WEIGHTS

SHIPPED = (baselines_toy.FOLDER / "ip2p", baselines_toy.FOLDER / "sd", WEIGHTS / "lego")


@pytest.mark.parametrize("method", ["lego", "ip2p", "sdedit", "proxedit"])
def test_toy_weights_are_not_the_default_on_another_data_set(bench, drawn_split, method):
    result = bench("run", "--method", method)
    assert result.status == 2
    assert result.err == (
        f"bench: The default weights of {method} are toy weights, trained only on the toy kitchen, "
        "which show nothing on the data set 'drawn': choose others with --weights PATH|NAME, or "
        "use them all the same with --weights toy.\n"
    )
    assert not (drawn_split.parents[1] / "runs").exists()


def test_an_image_of_no_data_set_needs_named_weights_too(bench, drawn_split):
    frame = drawn_split / "frames/V00_0/input.png"
    for context in (frame, "V00_0"):
        result = bench("imagine", context, "--action", "open drawer", "--method", "ip2p")
        assert (result.status, "--weights toy" in result.err) == (2, True), result.err


def test_sdedit_s_strength_is_not_chosen_for_toy_weights_silently(bench, tmp_path):
    write_drawn_split(tmp_path / "workspace/splits/drawn-train", 3, subset="train")
    result = bench("train", "sdedit")
    assert result.status == 2
    assert "all the same with -o weights=toy." in result.err


def test_named_toy_weights_are_recorded(bench, drawn_split):
    few = ("--weights", "toy", "-o", "steps=1", "--limit", 1)
    runs = drawn_split.parents[1] / "runs/drawn-val"
    for method in ("ip2p", "lego"):
        assert bench("run", "--method", method, *few).status == 0
        assert json.loads((runs / method / "run.json").read_text())["toy_weights"] is True
    out = drawn_split.parents[1] / "imagined"
    action = ("--action", "open drawer", "--method", "ip2p", "--out", out)
    assert bench("imagine", "V00_0", *action, *few[:-2]).status == 0
    assert json.loads((out / "imagine.json").read_text())["toy_weights"] is True


def test_a_toy_vllm_and_what_it_wrote_are_toy_weights(bench, drawn_split):
    named = ("--weights", "toy", "--limit", 1)
    features = drawn_split.parents[1] / "features"
    done = bench("lego", "enrich", *named, "--features", features)
    assert done.status == 0, done.err
    assert "note: 'vllm' has toy weights" in done.out
    run = ("run", "--method", "copy-input", "--limit", 1)
    assert bench(*run, "--descriptions", "vllm").status == 0
    for path in (
        drawn_split / "descriptions/vllm.json",
        features / "enrich.json",
        drawn_split.parents[1] / "runs/drawn-val/copy-input/run.json",
    ):
        assert json.loads(path.read_text())["toy_weights"] is True, path


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_runs_of_older_versions_are_recognised_by_the_unet(folder):
    sha256 = sha256_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    facts = {"method": "x", "split": "x", "fingerprint": "", "frames_fingerprint": ""}
    run = RunManifest(**facts, weights={"unet/diffusion_pytorch_model.safetensors": sha256})
    assert not run.toy_weights
    assert toy_weights.must_be_marked(run, "epic-kitchens")
    assert not toy_weights.must_be_marked(run, "toy-kitchen")
    other = RunManifest(**facts, weights={"unet/diffusion_pytorch_model.safetensors": "0" * 64})
    assert not toy_weights.must_be_marked(other, "epic-kitchens")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"split": "toy-kitchen-train"}, True),
        ({"split": "kitchen", "dataset": "toy-kitchen"}, True),
        ({"split": "toy-kitchen-of-mine", "dataset": "ego4d"}, False),
        ({"split": "ego4d-train"}, False),
        ([], False),
    ],
)
def test_weights_are_recognised_by_what_they_were_trained_on(tmp_path: Path, content, expected):
    write_json(tmp_path / "train.json", content)
    assert toy_weights.are_toy(tmp_path) is expected


def test_all_shipped_weights_and_untrained_ones_are_recognised(tmp_path: Path):
    assert all(map(toy_weights.are_toy, [*SHIPPED, WEIGHTS / "vllm"]))
    assert not toy_weights.are_toy(tmp_path)
    write_json(tmp_path / "untrained.json", {})
    assert toy_weights.are_toy(tmp_path)
