"""The options of training an adapter; the defaults are for an editor of today on a GPU.

Learning rate, warm-up, rank, guidance and clipping are those with which diffusers trains adapters
of editors (README_flux2.md of its examples, "Training Image-to-Image"); the density of times and
its shift are Stable Diffusion 3's (arXiv 2403.03206, sections 3.1 and 5.3.2). Iterations and batch
size are not tuned: 80,000 samples are about one epoch of Ego4D's training split.
"""

from typing import Literal

from pydantic import Field

from egoactgen_baselines.pipelines.pipeline_options import PromptOptions
from egoactgen_bench.diffusion.finetuning.training_options import LoopOptions


class LoraOptions(LoopOptions, PromptOptions):
    """Options of training an adapter of an image editor."""

    init: str | None = Field(
        None, description="the editor, by path or name: a folder of a pipeline of diffusers"
    )
    rank: int = Field(16, ge=1, le=1024, description="rank of the low-rank updates")
    alpha: float | None = Field(
        None, gt=0, description="the updates are scaled by alpha / rank; default: the rank"
    )
    targets: str = Field(
        "attention",
        description="layers that are updated: attention, linear (all linear layers of the "
        "blocks), or ends of their names, separated by commas",
    )
    resolution: int = Field(
        1024,
        ge=16,
        le=4096,
        description="side of a square with as many pixels as the generated image, which has the "
        "aspect of its frame",
    )
    frame_resolution: int | None = Field(
        None,
        ge=16,
        le=4096,
        description="the same for the input frame (Qwen); default: as the pipeline resizes it. A "
        "smaller one saves memory, but generation will differ from training",
    )
    text_tokens: int | None = Field(
        None,
        ge=8,
        le=512,
        description="tokens that prompts are padded or cut to (FLUX); default: the pipeline's",
    )
    times: Literal["logit-normal", "uniform"] = Field(
        "logit-normal", description="density of the times σ before they are shifted"
    )
    logit_mean: float = Field(0.0, description="logit-normal: mean of log(σ / (1 − σ))")
    logit_deviation: float = Field(1.0, gt=0, description="logit-normal: standard deviation")
    shift: float = Field(
        3.0, gt=0, description="s of times σ → s·σ / (1 + (s − 1)·σ): above 1, more are noisy"
    )
    guidance: float = Field(
        1.0, ge=0, description="guidance that the transformer is given, if it takes one (FLUX.1)"
    )
    gradient_checkpointing: bool = Field(
        True, description="recompute activations in the backward pass: less memory, more time"
    )
    iterations: int = Field(5000, ge=1, description="optimizer steps")
    batch_size: int = Field(16, ge=1, description="samples per step, over all processes")
    micro_batch: int = Field(
        1, ge=1, description="maximum samples per forward pass; gradients are accumulated"
    )
    warmup: int = Field(200, ge=0, description="steps in which the learning rate rises from zero")
    max_gradient_norm: float = Field(
        1.0, ge=0, description="norm to which gradients are clipped; 0: no clipping"
    )
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="decay of the adapter's moving average; 0: no average"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "bfloat16",
        description="of the frozen weights and activations; the adapter's weights are float32",
    )


# For the tiny networks of tests, and to try a command: on the CPU, in seconds.
TOY = {
    "iterations": 40,
    "batch_size": 4,
    "micro_batch": 4,
    "learning_rate": 1e-2,
    "warmup": 0,
    "rank": 4,
    "targets": "linear",
    "resolution": 64,
    "precision": "float32",
    "gradient_checkpointing": False,
}
PRESETS = {"toy": TOY, "editor": {}}
# `init` is a place: `sources` has the hash of its weights.
NON_SEMANTIC = frozenset(
    {"init", "micro_batch", "checkpoint_every", "gradient_checkpointing", "workers"}
)
