"""Trainings: learning, resuming, several processes, and errors."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from drawn_split import write_drawn_split
from egoactgen_baselines.ip2p import InstructPix2PixTrainer
from egoactgen_baselines.stable_diffusion import StableDiffusionTrainer
from egoactgen_bench.api import plugins
from egoactgen_bench.api.trainer import TrainingContext
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.denoiser.latent_method import SAMPLING, read_sampling
from egoactgen_bench.diffusion.finetuning.denoising_loss import Denoising
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.train import train_weights as training
from egoactgen_bench.support.files import write_json
from egoactgen_bench.support.training_costs import GB

VLLM, COUNT = 12, 6
UNET = Path("unet/diffusion_pytorch_model.safetensors")
# Small batches and frames, starting from the untrained weights.
SMALL = {"init": untrained_weights.NAME, "size": 32, "iterations": 6, "batch_size": 4, "flip": 0.5}


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
    """Including all random draws: order, flips, noise, conditioning dropout, dropout in π."""
    lego(root, tmp_path / "whole", checkpoint_every=2, train_text=True)
    step = TrainingLoop._step

    def killed(self, number):
        if number == 5:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(TrainingLoop, "_step", killed)
        lego(root, tmp_path / "parts", checkpoint_every=2, train_text=True)
    assert [path.name for path in tmp_path.glob("parts/checkpoint-*")] == ["checkpoint-00000004"]
    assert not (tmp_path / "parts" / "train.json").exists()
    refused = r"contains an unfinished training with other settings \(seed 0 → 1\)"
    with pytest.raises(BenchError, match=refused):
        lego(root, tmp_path / "parts", seed=1, train_text=True)
    lego(root, tmp_path / "parts", checkpoint_every=3, micro_batch=32, train_text=True)
    for path in (tmp_path / "whole").rglob("*.safetensors"):
        other = tmp_path / "parts" / path.relative_to(tmp_path / "whole")
        assert path.read_bytes() == other.read_bytes(), path
    curves = [pd.read_csv(tmp_path / name / "loss.csv") for name in ("whole", "parts")]
    assert curves[0]["loss"].equals(curves[1]["loss"])
    assert not list(tmp_path.glob("parts/checkpoint-*"))


def test_workers_train_to_the_same_bytes(root, tmp_path):
    """One training reads its samples in a thread, the other in two processes."""
    lego(root, tmp_path / "thread", workers=0)
    lego(root, tmp_path / "workers", workers=2)
    for path in (tmp_path / "thread").rglob("*.safetensors"):
        other = tmp_path / "workers" / path.relative_to(tmp_path / "thread")
        assert path.read_bytes() == other.read_bytes(), path


def test_two_processes_train_like_one(root, tmp_path):
    """Four samples per step: in one process together or one by one, or in two processes.

    If the true gradient is zero, Adam turns rounding into steps: a trained text encoder's key
    biases and the corners of convolutions on a single cell are excluded from the comparison.
    """
    options = {"size": 64, "train_text": False, "iterations": 3}
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
    assert two["counts"] == one.counts
    assert np.allclose(one.loss, two["loss"], atol=1e-4)
    assert apart(tmp_path / "one", tmp_path / "two") < 1e-4
    assert apart(tmp_path / "one", tmp_path / "rounds") < 1e-4


def test_a_few_steps_reduce_the_loss(root, tmp_path):
    """In 60 steps to below 0.6 of the initial loss, which is about 1: that of predicting zeros."""
    options = {"iterations": 60, "batch_size": 8, "learning_rate": 3e-3, "flip": 0}
    trained = train(root, tmp_path, **options)
    losses = pd.read_csv(tmp_path / "loss.csv")["loss"]
    assert len(losses) == 60
    assert losses[:5].mean() == pytest.approx(1, abs=0.3)
    assert losses[-10:].mean() < 0.6 * losses[:5].mean()
    steps, means = zip(*trained.loss, strict=True)
    assert steps[-1] == 60
    assert means[-1] == pytest.approx(losses[-3:].mean(), abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"iterations": 1},
        {"batch_size": 2},
        {"learning_rate": 1e-2},
        {"weight_decay": 0.5},
        {"ema_decay": 0.0},
        {"precision": "bfloat16"},
        {"precision": "float16"},
        {"ema_updates": 2},
        {"flip": 0.0},
        {"size": 16},
        {"conditioning_dropout": 0.3},
        {"train_text": False},
        {"lora": 2},
    ],
    ids=str,
)
def test_each_option_changes_the_weights(root, two_steps, tmp_path, change):
    train(root, tmp_path, **({"iterations": 2} | change))
    assert apart(two_steps, tmp_path) > 1e-6


@pytest.fixture(scope="module")
def two_steps(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two-steps")
    train(root, folder, iterations=2)
    return folder


def test_saving_memory_does_not_change_the_weights(root, two_steps, tmp_path):
    train(root, tmp_path, iterations=2, gradient_checkpointing=True)
    assert apart(two_steps, tmp_path) < 1e-6


def test_low_rank_updates_do_not_change_other_weights(root, tmp_path):
    options = {"lora": 2, "train_text": False, "ema_decay": 0, "learning_rate": 1e-2}
    train(root, tmp_path, iterations=2, **options)
    before, after = weights(root / "models" / untrained_weights.NAME), weights(tmp_path)
    changed = {name for name in before if not before[name].equal(after[name])}
    parts = ("conv_in.", "to_q.", "to_k.", "to_v.", "to_out.0.")
    assert before.keys() == after.keys()
    assert all(any(part in name for part in parts) for name in changed)
    assert all(any(part in name for name in changed) for part in parts)


def test_the_conditioner_is_trained_with_the_unet_or_keeps_its_initial_weights(root, tmp_path):
    for name, options in {
        "start": {"iterations": 1, "learning_rate": 1e-12},
        "paper": {"iterations": 2, "dropout": 0.1},
        "released": {"iterations": 2, "train_conditioner": False},
        "no dropout": {"iterations": 2, "dropout": 0.0},
    }.items():
        lego(root, tmp_path / name, ema_decay=0.5, **options)
    drawn, paper, released = (
        {k: t for k, t in weights(tmp_path / name).items() if k.startswith("conditioner:")}
        for name in ("start", "paper", "released")
    )
    for name, tensor in drawn.items():
        assert torch.equal(released[name], tensor) or (released[name] - tensor).abs().max() < 1e-9
        assert not torch.equal(paper[name], tensor), name
    sigma = drawn["conditioner:projection_img.weight"]
    bound = (6 / sum(sigma.shape)) ** 0.5  # Xavier's
    assert 0.9 * bound < sigma.abs().max() <= bound
    assert apart(tmp_path / "paper", tmp_path / "no dropout") > 1e-6
    config = json.loads((tmp_path / "paper" / "conditioner" / "config.json").read_text())
    assert (config["image_tokens"], config["text_tokens"], config["vllm_width"]) == (5, 77, VLLM)


def test_stable_diffusion_sees_no_input_frame_and_opens_in_diffusers(root, tmp_path):
    from diffusers import DiffusionPipeline

    train(root, tmp_path / "sd", "sd", init=untrained_weights.TEXT_TO_IMAGE, iterations=1)
    train(root, tmp_path / "ip2p", init=untrained_weights.TEXT_TO_IMAGE, iterations=1)
    for name, channels in (("sd", 4), ("ip2p", 8)):
        pipeline = DiffusionPipeline.from_pretrained(tmp_path / name, local_files_only=True)
        assert pipeline.unet.config.in_channels == channels
    with pytest.raises(BenchError, match=r"takes 8 input channels instead of 4"):
        train(root, tmp_path / "wide", "sd")


def test_toy_weights_of_another_method_keep_none_of_its_sampling_options(root, tmp_path):
    def start(name, sampling, dataset):
        """The folder of `sd` as if it had been trained on this data set."""
        shutil.copytree(tmp_path / "sd", tmp_path / name)
        write_json(tmp_path / name / SAMPLING, sampling)
        about = json.loads((tmp_path / name / "train.json").read_text()) | {"dataset": dataset}
        (tmp_path / name / "train.json").write_text(json.dumps(about))
        return {"init": str(tmp_path / name), "iterations": 1}

    train(root, tmp_path / "sd", "sd", init=untrained_weights.TEXT_TO_IMAGE, iterations=1)
    toy = start("toy", StableDiffusionTrainer.sampling, "toy-kitchen")
    train(root, tmp_path / "ip2p", **toy)
    assert read_sampling(tmp_path / "ip2p") == InstructPix2PixTrainer.sampling
    changed = InstructPix2PixTrainer.sampling | {"steps": 7}
    lego(root, tmp_path / "lego", **start("editor", changed | {"vllm": "x"}, "toy-kitchen"))
    assert read_sampling(tmp_path / "lego") == changed
    # Weights of the published size need other options than small ones.
    train(root, tmp_path / "own", **start("full", {"steps": 50, "guidance": 7}, "ego4d"))
    assert read_sampling(tmp_path / "own") == {"steps": 50}


def test_a_missing_optimiser_package_is_reported(root, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(BenchError, match="pip install bitsandbytes"):
        train(root, tmp_path, optimizer="adamw8bit")


def test_a_loss_that_is_not_finite_ends_the_training(root, tmp_path):
    with pytest.raises(BenchError, match="is NaN or infinite: try a smaller -o learning_rate"):
        train(root, tmp_path, learning_rate=1e30)


def test_the_default_precision_of_full_size_follows_the_device_and_is_recorded(root, tmp_path):
    made = training.train(
        "ip2p",
        load_split(root / "splits" / "drawn-train"),
        tmp_path,
        models=root / "models",
        cache=root / "cache",
        preset="sd15",
        options=SMALL | {"iterations": 1},
        device="cpu",
    )
    resolved = made.options.resolved
    names = ("precision", "tf32", "gradient_checkpointing", "ema_updates", "ema_decay")
    assert [resolved[name] for name in names] == ["float32", True, True, 4, 0.9999]


def test_a_training_that_does_not_fit_the_memory_is_refused_before_anything_is_written(
    root, tmp_path, monkeypatch
):
    sentence = r"needs about 1\.5 GB \(calculated\) with 1 samples at a time, but -o memory allows"
    with pytest.raises(BenchError, match=sentence):
        train(root, tmp_path / "small", memory=1)
    assert not (tmp_path / "small").exists()
    made = train(root, tmp_path / "enough", memory=2, iterations=1)
    assert made.options.passed["memory"] == 2


def test_memory_lowers_the_micro_batch_of_the_training(root, tmp_path, monkeypatch):
    made = []
    batch = Denoising.batch
    monkeypatch.setattr(
        Denoising, "batch", lambda self, draws: made.append(len(draws)) or batch(self, draws)
    )
    needed = {size: measured(root, micro_batch=size).memory.total / GB for size in (2, 4)}
    train(root, tmp_path, memory=sum(needed.values()) / 2, iterations=1)
    assert made == [2, 2]


def measured(root, **options):
    """The plan of a training."""
    split = load_split(root / "splits" / "drawn-train")
    context = TrainingContext(split, Path(), root / "models", root / "cache")
    trainer = plugins.find("trainers", "ip2p")
    return trainer.costs(trainer.Options(**trainer.presets["toy"] | SMALL | options), context)


def test_the_released_initialisation_of_the_conditioner(root, tmp_path):
    """PyTorch's defaults: uniform in ± 1 / √inputs, with biases; π's layers are copies of one."""
    options = {"train_conditioner": False, "conditioner_init": "released", "iterations": 1}
    lego(root, tmp_path, **options)
    drawn = load_file(tmp_path / "conditioner" / "model.safetensors")
    for name in ("projection_img", "projection_txt"):
        bound = VLLM**-0.5
        assert 0.9 * bound < drawn[f"{name}.weight"].abs().max() <= bound
        assert 0 < drawn[f"{name}.bias"].abs().max() <= bound
    first = {name: t for name, t in drawn.items() if name.startswith("self_attn_mix.layers.0.")}
    assert len(first) == 12
    for name, tensor in first.items():
        assert torch.equal(tensor, drawn[name.replace("layers.0.", "layers.1.")]), name
    assert first["self_attn_mix.layers.0.linear1.bias"].abs().max() > 0
