"""The plan of a tuning: parameters, memory and operations, from the model's configuration alone.

Activations follow from the sizes of a LLaMA: with gradient checkpointing, each layer keeps its
float32 input, one layer at a time is recomputed, and the logits exist in 16 bits, in float32 and
as gradients.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egoactgen_bench.support.training_costs import FLOAT32, HALF, OPTIMIZER, Memory, TrainingPlan
from egoactgen_bench.weights.pretrained import load_processor, refusing
from egoactgen_lego.vllm.tuning_loop import TuningOptions
from egoactgen_lego.vllm.vllm_model import check_folder, image_tokens

TEXT_TOKENS = 194  # assumed per instruction, with the image 450 at LLaVA's 256: docs/lego.md


def plan(
    weights: Path, options: TuningOptions, instructions: int, processes: int, sharded: bool
) -> TrainingPlan:
    """The plan for a LLaVA's folder, whose weights are not read.

    Under FSDP or DeepSpeed (`sharded`), each device holds its part of weights and optimiser.
    """
    from transformers import LlavaConfig

    check_folder(weights)
    return plan_of(load_processor(LlavaConfig, weights), options, instructions, processes, sharded)


def plan_of(
    config: Any, options: TuningOptions, instructions: int, processes: int, sharded: bool
) -> TrainingPlan:
    """As `plan`, for a configuration."""
    from transformers import LlavaForConditionalGeneration

    with refusing(Path("config.json")), torch.device("meta"):
        model = LlavaForConditionalGeneration(config)
    language, head = model.model.language_model, model.lm_head
    projector = sum(map(Tensor.numel, model.model.multi_modal_projector.parameters()))
    spoken = sum(map(Tensor.numel, [*language.parameters(), *head.parameters()]))
    every = sum(map(Tensor.numel, model.parameters()))
    adapters = sum(
        options.lora_rank * (layer.in_features + layer.out_features)
        for layer in language.modules()
        if isinstance(layer, nn.Linear)
    )
    trainable = projector + (adapters if options.lora_rank else spoken)
    frozen = every - projector - (0 if options.lora_rank else spoken)
    size = next(
        size
        for size in range(min(options.micro_batch, options.batch_size // processes), 0, -1)
        if not options.batch_size // processes % size
    )
    tokens = TEXT_TOKENS + image_tokens(config)
    passes = 4 if options.gradient_checkpointing else 3
    return TrainingPlan(
        networks=f"LLaVA of {every / 1e9:.1f} billion parameters",
        trainable=trainable,
        frozen=frozen,
        memory=_memory(
            config.text_config, options, (trainable, frozen), size * tokens, processes, sharded
        ),
        steps=options.steps(instructions),
        batch_size=options.batch_size,
        micro_batch=size,
        processes=processes,
        samples=instructions,
        operations=passes * 2 * spoken * tokens,
        precision=options.precision,
        notes=(f"Assumed: {tokens} tokens per instruction",),
    )


def _memory(
    text: Any,
    options: TuningOptions,
    parameters: tuple[int, int],
    tokens: int,
    processes: int,
    sharded: bool,
) -> Memory:
    trainable, frozen = parameters
    half = options.precision == "bfloat16"
    parts = processes if sharded else 1
    # As in `Tuning.prepare`: under adapters, the frozen model is in bfloat16.
    small = HALF if options.lora_rank and half and not sharded else FLOAT32
    layer = 4 * text.hidden_size**2 + 3 * text.hidden_size * text.intermediate_size
    kept = text.num_hidden_layers * tokens * text.hidden_size * FLOAT32
    inner = tokens * (10 * text.hidden_size + 4 * text.intermediate_size) * FLOAT32
    if not options.gradient_checkpointing:
        inner *= text.num_hidden_layers
    logits = tokens * text.vocab_size * (HALF + 2 * FLOAT32)
    # Autocast keeps casts of all trained weights; with shards, one layer at a time is gathered.
    cast = (2 * layer * (HALF + FLOAT32) if sharded else HALF * trainable) if half else 0
    return Memory(
        weights=(FLOAT32 * trainable + small * frozen) / parts,
        gradients=FLOAT32 * trainable / parts,
        optimizer=OPTIMIZER["adamw"] * trainable / parts,
        exchange=FLOAT32 * trainable if processes > 1 and not sharded else 0,
        activations=kept + inner + logits + cast,
    )
