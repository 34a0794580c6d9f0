"""The plan of an adapter's training: parameters, memory and operations, without weights."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from egoactgen_baselines.lora import adapter
from egoactgen_baselines.lora.editor_family import EditorFamily, Texts
from egoactgen_baselines.lora.lora_options import LoraOptions
from egoactgen_baselines.pipelines.call_recipe import Size
from egoactgen_bench.diffusion.finetuning.resumable_loop import micro_batch
from egoactgen_bench.diffusion.finetuning.step_measurement import (
    activation_bytes,
    forward_operations,
)
from egoactgen_bench.support.training_costs import FLOAT32, HALF, OPTIMIZER, Memory, TrainingPlan
from egoactgen_bench.weights.pretrained import refusing

TOKEN = 16  # pixels of the side of a token: a factor of 8 of the VAE, and 2 × 2 positions
SEEN_TOKEN = 28  # of a frame that Qwen2.5-VL sees
PROMPT_TOKENS = 100  # assumed of a prompt that is not padded, with its template
NOTES = (
    "Assumed: square frames, and a token per 16 × 16 pixels",
    "Not counted: VAE and text encoders, which leave the device before the transformer is loaded "
    "(docs/training.md has their sizes)",
)


def plan(
    folder: Path,
    kind: type[Any],
    family: EditorFamily,
    options: LoraOptions,
    samples: int,
    processes: int,
) -> TrainingPlan:
    """The plan for a pipeline's folder: `kind` is the class of its transformer."""
    half = options.precision == "bfloat16"
    dtype: torch.dtype = getattr(torch, options.precision)
    with refusing(folder), torch.device("meta"):
        transformer = kind.from_config(kind.load_config(folder)).to(dtype)
    every = sum(map(Tensor.numel, transformer.parameters()))
    adapter.add(transformer, family, options, seed=0)
    if options.gradient_checkpointing:
        transformer.enable_gradient_checkpointing()
    weights = list(transformer.parameters())
    trainable = sum(w.numel() for w in weights if w.requires_grad)
    with FakeTensorMode(allow_non_fake_inputs=True):
        transformer.to_empty(device="cpu").train()
        inputs = _inputs(transformer, family, options, dtype)

        def loss() -> Tensor:
            predicted = family.predict(transformer, *inputs, options.guidance)
            return F.mse_loss(predicted.float(), inputs[0])

        with torch.autocast("cpu", dtype, enabled=half):
            operations = forward_operations(loss)
        cast = HALF * trainable if half else 0
        peak = activation_bytes(loss, transformer.parameters(), dtype if half else None)
    size = micro_batch(options.batch_size, options.micro_batch, processes)
    memory = Memory(
        weights=(HALF if half else FLOAT32) * every + FLOAT32 * trainable,
        gradients=FLOAT32 * trainable,
        optimizer=OPTIMIZER[options.optimizer] * trainable,
        average=FLOAT32 * trainable if options.ema_decay else 0,
        exchange=FLOAT32 * trainable if processes > 1 else 0,
        activations=cast + size * max(peak - cast, 0),
    )
    return TrainingPlan(
        networks=f"{kind.__name__} of {every / 1e9:.1f} billion parameters, with an adapter",
        trainable=trainable,
        frozen=every,
        memory=memory,
        steps=options.iterations,
        batch_size=options.batch_size,
        micro_batch=size,
        processes=processes,
        samples=samples,
        # Frozen weights have no gradient: backward costs as much as forward, and it is recomputed.
        operations=(3 if options.gradient_checkpointing else 2) * operations,
        precision=options.precision,
        notes=NOTES,
    )


def _inputs(
    transformer: Any, family: EditorFamily, options: LoraOptions, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor, Texts]:
    """One sample: the noisy target, the frame, the time and the text, all zeros."""
    config = transformer.config
    generated = (options.resolution, options.resolution)
    side = options.frame_resolution
    shown = (side, side) if side else family.frame_size(generated, generated)
    tokens = options.text_tokens or family.text_tokens or _seen_tokens(family, shown)
    texts = {"embeddings": torch.zeros(1, tokens, config.joint_attention_dim, dtype=dtype)}
    if pooled := getattr(config, "pooled_projection_dim", None):
        texts["pooled"] = torch.zeros(1, pooled, dtype=dtype)
    noisy, frame = (
        torch.zeros(1, size[1] // TOKEN, size[0] // TOKEN, config.in_channels)
        for size in (generated, shown)
    )
    return noisy, frame.to(dtype), torch.zeros(1), texts


def _seen_tokens(family: EditorFamily, shown: Size) -> int:
    """The tokens of a prompt and of the frame that the text encoder sees."""
    width, height = family.seen_size(shown, shown)
    return PROMPT_TOKENS + (width // SEEN_TOKEN) * (height // SEEN_TOKEN)
