"""The parts of the measurement: what is written, and which commands are measured."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import drawn_inputs
from benchmarks.full_size import compvis_shapes, drawn_checkpoints, drawn_llava
from egoactgen_bench.support.worker_processes import worker_pool

SPLIT, SAMPLES, FRAME = "drawn-train", 2, (456, 256)
STEPS = 4  # of generation
TRAINING_STEPS = 2
IMAGE, TEXT = (256, 5120), (64, 5120)
TOKENS = 4  # that the VLLM writes

Command = tuple[str, Sequence[str]]  # what it is, and the arguments of `bench`


@dataclass(frozen=True)
class Size:
    """Of the weights: `name` is that of the table's column."""

    name: str
    denoiser: compvis_shapes.Sizes
    vllm: drawn_llava.LlavaSizes
    frame: int  # side in pixels of the frames that a training sees


FULL = Size("full", compvis_shapes.Sizes(), drawn_llava.LlavaSizes(), 256)
# All widths halved: a quarter of the weights, for machines with less memory.
HALF = Size(
    "half",
    compvis_shapes.Sizes(
        channels=160, context=384, vae_channels=64, text_inner=1536, mixer_inner=1024
    ),
    drawn_llava.LlavaSizes(2048, 5504, 32, 16),
    256,
)
TINY = Size("tiny", compvis_shapes.TINY, drawn_llava.TINY, 64)
SIZES = {size.name: size for size in (FULL, HALF, TINY)}


def prepare(workspace: Path) -> None:
    """A split with descriptions, and features in the released shapes."""
    folder = workspace / "splits" / SPLIT
    if folder.is_dir():
        return
    split = drawn_inputs.write_split(folder, SAMPLES, FRAME)
    noise = np.random.default_rng(0)
    for kind, shape in (("image", IMAGE), ("text", TEXT)):
        for sample_id in split.samples["sample_id"]:
            path = workspace / "features" / kind / f"{sample_id}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, noise.standard_normal(shape).astype(np.float16))


def stable_diffusion(workspace: Path, size: Size) -> Iterator[Command]:
    """Stable Diffusion 1.5's file without an average, as it is published for generation."""
    path = workspace / "released" / "sd15.ckpt"
    sizes = replace(size.denoiser, inputs=4)
    _alone(drawn_checkpoints.write, path, sizes, average=False, conditioner=False)
    yield "convert", ["models", "convert", str(path), "--raw", "--out", _models(workspace, "sd15")]
    path.unlink()


def lego(workspace: Path, size: Size) -> Iterator[Command]:
    """LEGO's file with the average of the weights: converted, and run."""
    path = workspace / "released" / "lego.ckpt"
    _alone(drawn_checkpoints.write, path, size.denoiser, average=True, conditioner=True)
    yield "convert", ["models", "convert", str(path), "--out", _models(workspace, "lego")]
    path.unlink()
    yield "run, float32", _run(workspace, "lego", "float32")
    yield "run, bfloat16", _run(workspace, "lego", "bfloat16")


def training(workspace: Path, size: Size) -> Iterator[Command]:
    """All weights, gradients, Adam's moments and the average in float32."""
    yield from _train(workspace, size, "lego-full", "all weights", ())


def lora(workspace: Path, size: Size) -> Iterator[Command]:
    """Low-rank updates of the attention, and their average."""
    yield from _train(workspace, size, "lego-lora", "lora=16", ("-o", "lora=16"))


def vllm(workspace: Path, size: Size) -> Iterator[Command]:
    """LLaVA 7B in its first format and in bfloat16: converted; one sample is described."""
    path = workspace / "released" / "llava"
    _alone(drawn_llava.write, path, size.vllm)
    out = _models(workspace, "llava-7b")
    yield "convert, bfloat16", ["models", "convert", str(path), "--out", out]
    shutil.rmtree(path)
    arguments = ["lego", "enrich", "--weights", out, "--split", SPLIT, "--limit", "1"]
    arguments += ["--max-new-tokens", str(TOKENS), "--dtype", "bfloat16", "--batch-size", "1"]
    yield f"enrich, {TOKENS} tokens, bfloat16", arguments


PARTS: dict[str, Callable[[Path, Size], Iterator[Command]]] = {
    "stable-diffusion": stable_diffusion,
    "lego": lego,
    "lora": lora,
    "training": training,
    "vllm": vllm,
}


def _alone(write: Callable[..., object], *arguments: Any, **settings: Any) -> None:
    """Write weights in a process of its own, whose memory is free when a command is measured."""
    with worker_pool(1, "The process that writes weights died: is there enough memory?") as pool:
        pool.submit(write, *arguments, **settings).result()


def _models(workspace: Path, name: str) -> str:
    return str(workspace / "models" / name)


def _features(workspace: Path) -> list[str]:
    return ["--descriptions", "drawn", "-o", f"features={workspace / 'features'}"]


def _run(workspace: Path, weights: str, dtype: str) -> list[str]:
    arguments = ["run", "--method", "lego", "--weights", _models(workspace, weights)]
    arguments += ["--split", SPLIT, "--limit", "2", "--batch-size", "2", "--dtype", dtype]
    arguments += ["--name", f"{weights}-{dtype}", *_features(workspace)]
    return [*arguments, "-o", f"steps={STEPS}"]


def _train(
    workspace: Path, size: Size, name: str, title: str, options: Sequence[str]
) -> Iterator[Command]:
    arguments = ["train", "lego", "--preset", "sd15", "--split", SPLIT, "--name", name]
    arguments += [*_features(workspace), "-o", f"init={_models(workspace, 'sd15')}"]
    chosen = {"iterations": TRAINING_STEPS, "batch_size": 1, "size": size.frame}
    arguments += [word for key, value in chosen.items() for word in ("-o", f"{key}={value}")]
    yield f"train, {TRAINING_STEPS} steps, {title}", [*arguments, *options]
    yield f"run, float32, after training {title}", _run(workspace, name, "float32")
    shutil.rmtree(workspace / "models" / name)
