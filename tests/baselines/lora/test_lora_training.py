"""`bench train lora`: learning, resuming, micro-batches, what is stored and what is refused."""

import gc
import json
import math
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_pipelines
from drawn_split import write_drawn_split
from egoactgen_baselines.lora.adapter import FILE
from egoactgen_baselines.lora.editor_families import FAMILIES
from egoactgen_baselines.lora.flow_matching import FlowMatching
from egoactgen_baselines.lora.lora_options import LoraOptions
from egoactgen_baselines.lora.lora_trainer import LoraTrainer
from egoactgen_baselines.pipelines.diffusers_pipeline import DiffusersPipeline
from egoactgen_baselines.pipelines.pipeline_options import PipelineOptions
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.seeds import torch_generator
from recipe_requests import sample

KLEIN, QWEN = "Flux2KleinPipeline", "QwenImageEditPlusPipeline"


def adapter(folder):
    return load_file(folder / FILE)


def apart(one, other):
    """The largest difference between the weights of two adapters."""
    one, other = adapter(one), adapter(other)
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def method(folder, models, **options):
    """An editor with the adapter `lora` in `models`."""
    chosen = PipelineOptions(**({"lora": "lora", "resolution": 96, "steps": 1} | options))
    return DiffusersPipeline(chosen, MethodContext(argument=str(folder), models=models))


def image(built):
    return np.asarray(built.generate([sample()])[0]).astype(int)


@pytest.mark.parametrize("name", [KLEIN, "FluxKontextPipeline", QWEN])
def test_the_loss_falls_on_fixed_noise_and_the_adapter_loads_back(
    name, train, editor, tmp_path, monkeypatch
):
    """Each sample has the same noise and time in every step, and each step has all samples."""
    with monkeypatch.context() as fixed:
        drawn = SampleDraw.generator
        fixed.setattr(
            SampleDraw,
            "generator",
            lambda self, seed, sample_id: drawn(SampleDraw(self.sample, 0, 0), seed, sample_id),
        )
        train(tmp_path / "lora", name, iterations=40, alpha=8, resolution=96)
    losses = pd.read_csv(tmp_path / "lora" / "loss.csv")["loss"]
    assert len(losses) == 40
    assert losses[0] == pytest.approx(1.3, abs=0.3)  # 1 for the noise, and what the network adds
    assert losses[-20:].mean() <= 0.8 * losses[:20].mean()
    # Each layer is trained, and so can be by several processes: half of a LoRA starts at zero.
    assert all(tensor.any() for tensor in adapter(tmp_path / "lora").values())
    built = method(editor(name), tmp_path)
    assert np.abs(image(built) - image(method(editor(name), tmp_path, lora_scale=0))).max() > 1
    assert built.notices() == []


def test_a_killed_training_resumes_to_the_same_bytes(train, tmp_path, monkeypatch):
    train(tmp_path / "whole", iterations=6, checkpoint_every=2, ema_decay=0.5)
    step = TrainingLoop._step

    def killed(self, number):
        if number == 5:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(TrainingLoop, "_step", killed)
        train(tmp_path / "parts", iterations=6, checkpoint_every=2, ema_decay=0.5)
    assert not (tmp_path / "parts" / FILE).exists()
    train(tmp_path / "parts", iterations=6, checkpoint_every=2, ema_decay=0.5)
    assert (tmp_path / "whole" / FILE).read_bytes() == (tmp_path / "parts" / FILE).read_bytes()
    assert not list(tmp_path.glob("parts/checkpoint-*"))


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory):
    return tmp_path_factory.mktemp("trained") / "two-steps"


@pytest.fixture
def reference(train, two_steps):
    """Two steps with the options that the tests below change."""
    if not two_steps.is_dir():
        train(two_steps, iterations=2)
    return two_steps


@pytest.mark.parametrize(
    "change", [{"micro_batch": 1}, {"micro_batch": 2}, {"gradient_checkpointing": True}], ids=str
)
def test_saving_memory_does_not_change_the_weights(reference, train, tmp_path, change):
    """The four samples of a step have two sizes: in one micro-batch, and apart."""
    train(tmp_path / "lora", iterations=2, **change)
    assert apart(reference, tmp_path / "lora") < 1e-4


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"resolution": 96},
        {"text_tokens": 24},
        {"template": "now {action}"},
        {"times": "uniform"},
        {"logit_mean": 1.0},
        {"logit_deviation": 0.5},
        {"shift": 1.0},
        {"alpha": 1.0},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_each_option_changes_the_weights(reference, train, tmp_path, change):
    train(tmp_path / "lora", iterations=2, **change)
    assert apart(reference, tmp_path / "lora") > 1e-6
    assert all(tensor.dtype == torch.float32 for tensor in adapter(tmp_path / "lora").values())


def test_the_layers_that_are_updated(train, tmp_path):
    found = {}
    for targets in ("attention", "linear", "to_add_out, ff.linear_in"):
        train(tmp_path / targets, iterations=1, rank=2, targets=targets)
        tensors = adapter(tmp_path / targets)
        assert {min(tensor.shape) for tensor in tensors.values()} == {2}
        found[targets] = {name.partition(".lora_")[0] for name in tensors}
    assert all(".attn." in name for name in found["attention"])
    assert found["attention"] < found["linear"]
    assert {name.partition("blocks.0.")[2] for name in found["to_add_out, ff.linear_in"]} == {
        "attn.to_add_out",
        "ff.linear_in",
    }


def test_encodings_are_stored_and_the_encoders_leave_memory(train, tmp_path, monkeypatch):
    encoders, run, found = LoraTrainer._encoders, TrainingLoop.run, []

    def built(self):
        pipeline = encoders(self)
        found.extend(map(weakref.ref, (pipeline.vae, pipeline.text_encoder)))
        return pipeline

    def checked(self):
        gc.collect()
        assert not [each for each in found if each() is not None]
        return run(self)

    monkeypatch.setattr(LoraTrainer, "_encoders", built)
    monkeypatch.setattr(TrainingLoop, "run", checked)
    train(tmp_path / "first", iterations=1, template="then {action}")
    assert len(found) == 2
    train(tmp_path / "second", iterations=2, template="then {action}", seed=1, rank=2)
    assert len(found) == 2  # nothing was encoded again


def test_times_are_logit_normal_and_shifted():
    def times(**options):
        task = FlowMatching.__new__(FlowMatching)
        torch.nn.Module.__init__(task)
        task.options = LoraOptions(**options)
        return [task._time(torch_generator(seed)) for seed in range(2000)]

    logits = torch.logit(torch.tensor(times(logit_mean=0.5, logit_deviation=2.0, shift=1.0)))
    assert (logits.mean().item(), logits.std().item()) == pytest.approx((0.5, 2.0), abs=0.15)
    assert np.mean(times(times="uniform", shift=1.0)) == pytest.approx(0.5, abs=0.03)
    # The shift adds its logarithm to the logit (arXiv 2403.03206, equation 23).
    shifted = torch.logit(torch.tensor(times(shift=3.0)))
    assert shifted.mean().item() == pytest.approx(math.log(3), abs=0.1)


def test_what_is_written_and_left_out(bench, editor, tmp_path):
    workspace = tmp_path / "workspace"
    split = write_drawn_split(workspace / "splits" / "drawn-train", 4, subset="train")
    # The first sample with this label, and the first with its frame.
    frame = split / "frames" / "V00_0" / "input.png"
    content = frame.read_bytes()
    frame.write_bytes(b"no image")
    (split / "descriptions").mkdir()
    rows = "V00_0,a\nV02_2,b\nV00_3,a\n"
    (split / "descriptions" / "own.csv").write_text(f"sample_id,description\n{rows}")
    (workspace / "models").mkdir()
    (workspace / "models" / "klein").symlink_to(editor(KLEIN))
    options = ["-o", "init=klein", "-o", "iterations=1", "-o", "text_tokens=16"]
    options += ["-o", "prompt=description", "--descriptions", "own", "-o", "batch_size=2"]
    result = bench("train", "lora", *options)
    assert result.status == 1, result.err
    assert "left out: V01_1: missing_description\nleft out: V00_0: unreadable_frame" in result.err
    assert "lora: 1 steps on 2 samples" in result.out
    folder = workspace / "models" / "lora-drawn-train"
    names = {FILE, "loss.csv", "loss.png", "train.json"}
    assert {path.name for path in folder.iterdir()} == names
    assert not [path for path in folder.iterdir() if str(tmp_path).encode() in path.read_bytes()]
    manifest = json.loads((folder / "train.json").read_text())
    base = manifest["base"]
    assert base["pipeline"] == KLEIN
    assert "transformer/diffusion_pytorch_model.safetensors" in base["files"]
    assert manifest["options"]["resolved"]["rank"] == 4
    assert "is already complete" in bench("train", "lora", *options).out
    frame.write_bytes(content)
    call = ["run", "--method", f"diffusers:{editor(KLEIN)}", "--split", "drawn-train"]
    call += ["-o", "lora=lora-drawn-train", "-o", "resolution=96", "-o", "steps=1", "--limit", 1]
    result = bench(*call)
    assert result.status == 0, result.err
    assert "lora-drawn-train was trained with the prompt '{description}'" in result.out


def test_use_on_another_pipeline_or_with_other_options_is_noticed(train, editor, tmp_path):
    train(tmp_path / "lora", iterations=1, resolution=64)
    start = "The adapter lora was trained"
    assert method(editor(KLEIN), tmp_path, template="{action}!").notices() == [
        f"{start} with the prompt '{{action}}': this run has '{{action}}!'.",
        f"{start} with resolution=64: this run has 96.",
    ]
    other = shutil.copytree(editor(KLEIN), tmp_path / "other")
    file = other / "transformer" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    save_file(tensors | {"proj_out.weight": 2 * tensors["proj_out.weight"]}, file)
    assert method(other, tmp_path, resolution=64).notices() == [
        f"{start} on another {KLEIN} than this {KLEIN}: other weights of transformer."
    ]
    # The default of both commands.
    content = (tmp_path / "lora" / "train.json").read_text()
    changed = content.replace('"resolution": 64', '"resolution": 1024')
    (tmp_path / "lora" / "train.json").write_text(changed)
    assert method(editor(KLEIN), tmp_path, resolution=None).notices() == []
    (tmp_path / "lora" / "train.json").write_text('{"trainer": "lora"}')
    with pytest.raises(BenchError, match=r"train\.json is damaged"):
        method(editor(KLEIN), tmp_path).notices()


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (KLEIN, {"init": None}, "give -o init=PATH, a folder written by"),
        (KLEIN, {"init": "none"}, "Unknown weights 'none'"),
        (KLEIN, {"targets": "to_x"}, r"no layer of Flux2Transformer2DModel ends in 'to_x'"),
        (KLEIN, {"prompt": "description"}, "give --descriptions NAME"),
        (KLEIN, {"frame_resolution": 64}, "gives frame and image the same size"),
        (QWEN, {"text_tokens": 16}, "does not pad prompts"),
    ],
    ids=lambda value: str(value),
)
def test_refusals(train, tmp_path, name, options, sentence):
    with pytest.raises(BenchError, match=sentence):
        train(tmp_path / "lora", name, **options)


def test_other_pipelines_are_refused_with_the_families(train, tmp_path):
    folder = tiny_pipelines.write_pipeline(tmp_path / "sd", "edit")
    with pytest.raises(BenchError, match="StableDiffusionInstructPix2PixPipeline") as error:
        train(tmp_path / "lora", init=str(folder))
    assert all(name in str(error.value) for name in FAMILIES)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_two_processes_train_like_one(name, root, editor, train, tmp_path):
    options = {"init": editor(name), "iterations": 3, "gradient_checkpointing": True}
    small = {"text_tokens": 16} if name.startswith("Flux") else {"frame_resolution": 64}
    one = train(tmp_path / "one", name, iterations=3)
    words = ["train", "lora", "-w", root, "--device", "cpu", "--out", tmp_path / "two"]
    words += [
        word for pair in (options | small).items() for word in ("-o", "=".join(map(str, pair)))
    ]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    program = Path(sys.executable).with_name("bench")
    launched = subprocess.run(
        [*torchrun, "--no-python", program, *words], capture_output=True, text=True
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.count("Weights in") == 1
    two = json.loads((tmp_path / "two" / "train.json").read_text())
    assert np.allclose(one.loss, two["loss"], atol=1e-4)
    assert apart(tmp_path / "one", tmp_path / "two") < 1e-4
