"""The plan of a tuning: parameters, memory and operations, from the model's configuration alone.

Activations follow from the sizes of a LLaMA: with gradient checkpointing, each layer keeps its
float32 input, one layer at a time is recomputed, and the logits exist in 16 bits, in float32 and
as gradients.
"""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from egoactgen_bench.diffusion.finetuning.resumable_loop import micro_batch
from egoactgen_bench.support.training_costs import (
    FLOAT32,
    HALF,
    OPTIMIZER,
    Memory,
    TrainingPlan,
    largest_fitting,
)
from egoactgen_bench.weights.pretrained import load_processor, refusing
from egoactgen_lego.vllm.tuning_loop import TuningOptions
from egoactgen_lego.vllm.vllm_model import check_folder, image_tokens

TEXT_TOKENS = 194  # assumed per instruction, with the image 450 at LLaVA's 256: docs/lego.md
# What a tuning can do that fits with no micro-batch, as the end of a sentence.
SMALLER = (
    "divide the model among several GPUs (docs/lego.md), or train adapters with -o lora_rank=128"
)


@dataclass(frozen=True)
class Launch:
    """How the processes of a tuning share the model.

    Under FSDP or DeepSpeed (`sharded`), each device holds its part of weights and optimiser, apart
    from what is offloaded to the machine's memory.
    """

    processes: int = 1
    sharded: bool = False
    offloads_weights: bool = False
    offloads_optimizer: bool = False  # and the gradients

    @classmethod
    def of_process(cls, processes: int) -> Self:
        """As `accelerate launch` has set it by its configuration."""
        deepspeed = _is_set("ACCELERATE_USE_DEEPSPEED")
        fsdp = _is_set("ACCELERATE_USE_FSDP")
        offloads = fsdp and _is_set("FSDP_OFFLOAD_PARAMS")
        device = "ACCELERATE_DEEPSPEED_OFFLOAD_{}_DEVICE"
        weights, optimizer = (
            deepspeed and os.environ.get(device.format(part), "none") != "none"
            for part in ("PARAM", "OPTIMIZER")
        )
        return cls(processes, deepspeed or fsdp, weights or offloads, optimizer or offloads)


def _is_set(name: str) -> bool:
    return os.environ.get(name) == "true"


def plan(weights: Path, options: TuningOptions, instructions: int, launch: Launch) -> TrainingPlan:
    """The plan for a LLaVA's folder, whose weights are not read."""
    from transformers import LlavaConfig

    check_folder(weights)
    return plan_of(load_processor(LlavaConfig, weights), options, instructions, launch)


def plan_of(config: Any, options: TuningOptions, instructions: int, launch: Launch) -> TrainingPlan:
    """As `plan`, for a configuration; `memory` of the options lowers the micro-batch."""
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
    tokens = TEXT_TOKENS + image_tokens(config)
    memory = partial(_memory, config.text_config, options, (trainable, frozen), tokens, launch)
    most = micro_batch(options.batch_size, options.micro_batch, launch.processes)
    share = options.batch_size // launch.processes
    size = largest_fitting(most, share, memory, options.memory)
    passes = 4 if options.gradient_checkpointing else 3
    return TrainingPlan(
        networks=f"LLaVA of {every / 1e9:.1f} billion parameters",
        trainable=trainable,
        frozen=frozen,
        memory=memory(size),
        steps=options.steps(instructions),
        batch_size=options.batch_size,
        micro_batch=size,
        processes=launch.processes,
        samples=instructions,
        operations=passes * 2 * spoken * tokens,
        precision=options.precision,
        notes=(f"Assumed: {tokens} tokens per instruction",),
    )


def _memory(
    text: Any,
    options: TuningOptions,
    parameters: tuple[int, int],
    instruction: int,
    launch: Launch,
    together: int,
) -> Memory:
    trainable, frozen = parameters
    tokens = instruction * together
    sharded = launch.sharded
    half = options.precision == "bfloat16"
    parts = launch.processes if sharded else 1
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
    weights = 0 if launch.offloads_weights else FLOAT32 * trainable + small * frozen
    updated = 0 if launch.offloads_optimizer else trainable
    return Memory(
        weights=weights / parts,
        gradients=FLOAT32 * updated / parts,
        optimizer=OPTIMIZER["adamw"] * updated / parts,
        exchange=FLOAT32 * trainable if launch.processes > 1 and not sharded else 0,
        activations=kept + inner + logits + cast,
    )
