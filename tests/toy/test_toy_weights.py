"""The weights that come with the package: complete, small, the default, and trainable."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from egoactgen_baselines import toy as baselines_toy
from egoactgen_bench.diffusion.denoiser import shipped_weights
from egoactgen_bench.toy import DENOISER_WEIGHTS
from egoactgen_bench.toy.judge_network import load_judge
from egoactgen_bench.toy.stand_ins import FOLDER as METRICS
from egoactgen_lego.toy import WEIGHTS

CLIPS = 6


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """A workspace with videos of a few clips, and two rendered clips for training."""
    root = tmp_path_factory.mktemp("kitchen")
    for words in (["--limit", str(CLIPS)], ["--subset", "train", "--limit", "2"]):
        program = Path(sys.executable).with_name("bench")
        subprocess.run([program, "-w", root, "prepare-splits", *words], check=True)
    return root


def test_shipped_weights_take_at_most_20_megabytes():
    roots = (METRICS, baselines_toy.FOLDER, DENOISER_WEIGHTS, WEIGHTS)
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20_000_000


@pytest.mark.parametrize("method", ["lego", "ip2p", "sdedit", "proxedit"])
def test_every_method_uses_them_by_default(bench, kitchen, method):
    done = bench("-w", kitchen, "run", "--method", method, "--limit", 2)
    assert done.status == 0, done.err
    run = kitchen / "runs" / "toy-kitchen" / method
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["counts"]["failed"] == 0
    assert "unet/diffusion_pytorch_model.safetensors" in manifest["weights"]
    assert all(pd.read_csv(run / "samples.csv")["prompt"])


def test_lego_is_conditioned_on_its_vllm_s_descriptions(bench, kitchen):
    """The judge sees the action in most of LEGO's images, unlike in noise or copies."""
    done = bench("-w", kitchen, "run", "--method", "lego", "--run", "all")
    assert (done.status, "wrote 6 descriptions" in done.out) == (0, True)
    split, run = kitchen / "splits" / "toy-kitchen", kitchen / "runs" / "toy-kitchen" / "all"
    prompts = pd.read_csv(run / "samples.csv")["prompt"]
    assert prompts.str.contains("hand").all()
    truth = json.loads((split / "truth.json").read_text())
    names = list(pd.read_csv(split / "samples.csv")["sample_id"])
    verdicts = load_judge().read(
        [Image.open(split / "frames" / name / "input.png") for name in names],
        [Image.open(run / "images" / f"{name}.png") for name in names],
    )
    correct = [
        verdict.action == truth[name]["action"]
        for verdict, name in zip(verdicts, names, strict=True)
    ]
    assert np.mean(correct) >= 0.5


@pytest.mark.parametrize("trainer", ["lego", "ip2p", "sd"])
def test_shipped_weights_can_be_finetuned(bench, kitchen, trainer):
    """Two steps from the shipped weights, then one image with the result."""
    few = ("-o", "init=toy", "-o", "iterations=2", "-o", "batch_size=2", "-o", "warmup=0")
    lego = ("-o", "vllm=toy", "--descriptions", "toy") if trainer == "lego" else ()
    if lego:
        enrich = ("lego", "enrich", "--weights", "toy", "--name", "toy")
        done = bench("-w", kitchen, *enrich, "--split", "toy-kitchen-train")
        assert done.status == 0, done.err
    done = bench("-w", kitchen, "train", trainer, *few, *lego)
    assert done.status == 0, done.err
    trained = kitchen / f"models/{trainer}-toy-kitchen-train"
    sampling = json.loads((trained / "sampling.json").read_text())
    assert "steps" in sampling and "vllm" not in sampling
    method = {"sd": "sdedit"}.get(trainer, trainer)
    weights = ("--weights", f"{trainer}-toy-kitchen-train", "--run", f"tuned-{trainer}")
    vllm = ("-o", "vllm=toy") if lego else ()
    done = bench("-w", kitchen, "run", "--method", method, *weights, *vllm, "--limit", 1)
    assert done.status == 0, done.err


def test_the_vllm_can_be_tuned_further(bench, kitchen):
    boxes = kitchen / "datasets/toy-kitchen-train/annotations/fho_main.json"
    split = ("-w", kitchen, "lego")
    train = ("--split", "toy-kitchen-train")
    few = ("-o", "batch_size=2", "-o", "epochs=1", "-o", "precision=float32")
    for words in (
        ("curate", *train, "--templates", "--boxes", boxes),
        ("tune", *train, "--weights", "toy", "--name", "further", *few),
        ("enrich", *train, "--weights", "vllm-further", "--name", "further", "--limit", 1),
    ):
        done = bench(*split, *words)
        assert done.status == 0, done.err


def test_new_shipped_weights_replace_the_unpacked_ones(tmp_path):
    own = tmp_path / "ip2p"
    shutil.copytree(baselines_toy.FOLDER / "ip2p", own)
    unpacked = shipped_weights.unpack(own, tmp_path / "models")
    assert unpacked == tmp_path / "models" / "toy-ip2p"
    before = (unpacked / "unet" / "config.json").stat().st_mtime_ns
    assert shipped_weights.unpack(own, tmp_path / "models") == unpacked
    assert (unpacked / "unet" / "config.json").stat().st_mtime_ns == before
    (own / "train.json").write_text("{}")
    assert (shipped_weights.unpack(own, tmp_path / "models") / "train.json").read_text() == "{}"
