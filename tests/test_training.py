"""`bench train`: what is learnt, resumed, shared among processes, and refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from baselines.denoiser import untrained
from baselines.finetuning.fitting import Fitting
from egoactgen_bench import training
from egoactgen_bench.errors import BenchError
from egoactgen_bench.splits import load_split
from tests.conftest import write_drawn_split

VLLM, COUNT = 12, 6
UNET = Path("unet/diffusion_pytorch_model.safetensors")
# Two steps' worth of everything: small frames, the untrained weights to start from.
SMALL = {"init": untrained.NAME, "size": 32, "iterations": 6, "batch_size": 4, "flip": 0.5}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A workspace with a training split, descriptions and features of it."""
    root = tmp_path_factory.mktemp("workspace")
    split = write_drawn_split(root / "splits" / "drawn-train", COUNT, subset="train")
    ids = load_split(split).samples["sample_id"]
    texts = pd.DataFrame({"sample_id": ids, "description": [f"a hand at {n}" for n in ids]})
    (split / "descriptions").mkdir()
    texts.to_csv(split / "descriptions" / "own.csv", index=False)
    for kind, tokens in (("image", 5), ("text", 3)):
        (root / "features" / kind).mkdir(parents=True)
        for number, sample_id in enumerate(ids):
            drawn = np.random.default_rng([number, tokens]).standard_normal((tokens, VLLM))
            np.save(root / "features" / kind / f"{sample_id}.npy", drawn.astype(np.float16))
    return root


def train(root, folder, method="ip2p", descriptions=None, seed=0, overwrite=False, **options):
    return training.train(
        method,
        load_split(root / "splits" / "drawn-train"),
        folder,
        models=root / "models",
        cache=root / "cache",
        descriptions=descriptions,
        options=SMALL | options,
        seed=seed,
        device="cpu",
        overwrite=overwrite,
    )


def lego(root, folder, conditioning="joint", **options):
    options |= {"conditioning": conditioning, "features": str(root / "features")}
    return train(root, folder, "lego", descriptions="own", **options)


def weights(folder):
    files = sorted(folder.rglob("*.safetensors"))
    return {f"{path.parent.name}:{k}": t for path in files for k, t in load_file(path).items()}


def apart(one, other):
    """The largest difference between two folders' weights."""
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def test_a_killed_training_resumes_to_the_same_bytes(root, tmp_path, monkeypatch):
    """With all that is drawn: order, flips, noise, conditioning dropout, dropout in π."""
    lego(root, tmp_path / "whole", checkpoint_every=2, train_text=True)
    step = Fitting._step

    def killed(self, number, batches):
        if number == 5:
            raise KeyboardInterrupt
        return step(self, number, batches)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Fitting, "_step", killed)
        lego(root, tmp_path / "parts", checkpoint_every=2, train_text=True)
    assert [path.name for path in tmp_path.glob("parts/checkpoint-*")] == ["checkpoint-00000004"]
    assert not (tmp_path / "parts" / "train.json").exists()
    with pytest.raises(BenchError, match=r"unfinished training of another plan \(seed 0 → 1\)"):
        lego(root, tmp_path / "parts", seed=1, train_text=True)
    lego(root, tmp_path / "parts", checkpoint_every=3, micro_batch=32, train_text=True)
    for path in (tmp_path / "whole").rglob("*.safetensors"):
        other = tmp_path / "parts" / path.relative_to(tmp_path / "whole")
        assert path.read_bytes() == other.read_bytes(), path
    curves = [pd.read_csv(tmp_path / name / "loss.csv") for name in ("whole", "parts")]
    assert curves[0]["loss"].equals(curves[1]["loss"])
    assert not list(tmp_path.glob("parts/checkpoint-*"))


def test_two_processes_learn_as_one(root, tmp_path):
    """Four samples a step: in one process at once or one by one, or in two processes.

    Where the true gradient is nought, Adam turns rounding into steps: a trained text encoder's key
    biases and the corners of convolutions on a single cell are left out of the comparison.
    """
    options = {"size": 64, "train_text": False}
    one = lego(root, tmp_path / "one", **options)
    lego(root, tmp_path / "rounds", micro_batch=1, **options)
    options |= SMALL | {"conditioning": "joint", "features": root / "features"} | options
    words = ["train", "lego", "-w", root, "--descriptions", "own", "--device", "cpu"]
    words += [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    program = Path(sys.executable).with_name("bench")
    launched = subprocess.run(
        [*torchrun, "--no-python", program, *words, "--out", tmp_path / "two"],
        capture_output=True,
        text=True,
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.count("Weights in") == 1
    two = json.loads((tmp_path / "two" / "train.json").read_text())
    assert two["counts"] == one["counts"]
    assert np.allclose(one["loss"], two["loss"], atol=1e-4)
    assert apart(tmp_path / "one", tmp_path / "two") < 1e-4
    assert apart(tmp_path / "one", tmp_path / "rounds") < 1e-4


def test_a_few_steps_bring_the_loss_down(root, tmp_path):
    """To below 0.4 of where it began, in 100 steps; the best guess at first is no noise: 1."""
    options = {"iterations": 100, "batch_size": 8, "learning_rate": 3e-3, "flip": 0}
    told = train(root, tmp_path, **options)
    losses = pd.read_csv(tmp_path / "loss.csv")["loss"]
    assert len(losses) == 100
    assert losses[:5].mean() == pytest.approx(1, abs=0.3)
    assert losses[-10:].mean() < 0.4 * losses[:5].mean()
    steps, means = zip(*told["loss"], strict=True)
    assert steps[-1] == 100
    assert means[-1] == pytest.approx(losses[-5:].mean(), abs=1e-6)


def test_the_toy_stands_on_an_autoencoder_that_is_trained_first(bench, tmp_path):
    workspace = tmp_path / "workspace"
    write_drawn_split(workspace / "splits" / "drawn-train", COUNT, subset="train")
    write_drawn_split(workspace / "splits" / "drawn-val", 2)
    small = ["-o", "size=16", "-o", "batch_size=4", "-o", "iterations=3"]
    assert bench("train", "autoencoder", *small).status == 0
    for method in ("ip2p", "sd"):
        result = bench("train", method, *small[:4], "-o", "iterations=2")
        assert result.status == 0, result.err
        assert f"{method}: 2 steps on 6 samples" in result.out
    weights = ["--weights", "ip2p-drawn-train"]
    result = bench("run", "--method", "ip2p", *weights, "-o", "steps=2", "--limit", 1)
    assert result.status == 0, result.err
    manifest = json.loads((workspace / "models/ip2p-drawn-train/train.json").read_text())
    assert manifest["options"]["passed"]["iterations"] == "2"
    assert manifest["options"]["resolved"]["learning_rate"] == 1e-3
    assert (manifest["subset"], manifest["seed"]) == ("train", 0)
    assert (workspace / "models/ip2p-drawn-train/loss.png").read_bytes()[:4] == b"\x89PNG"
    assert "complete already" in bench("train", "ip2p", *small[:4], "-o", "iterations=2").out
