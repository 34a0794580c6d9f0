"""The options of a training; the defaults are LEGO's released configuration.

Sources: the LEGO paper (arXiv 2312.03849, section 4: 20,000 iterations, learning rate 1e-4), its
released configuration (32 samples on each of 8 GPUs, 4 accumulation steps), and InstructPix2Pix
(arXiv 2211.09800: conditioning dropout of 5 %), on whose code that configuration is based.
"""

from math import cos, pi
from typing import Literal, Self

from pydantic import Field

from egoactgen_bench.api import options
from egoactgen_bench.diffusion.denoiser.prediction import Prediction
from egoactgen_bench.diffusion.finetuning.device_precision import Precision, capability, choose


class LoopOptions(options.Options):
    """Options of the training loop."""

    iterations: int = Field(20_000, ge=1, description="optimizer steps")
    batch_size: int = Field(1024, ge=1, description="samples per step, over all processes")
    micro_batch: int = Field(
        32, ge=1, description="maximum samples per forward pass; gradients are accumulated"
    )
    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate")
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="learning rate schedule; cosine: to zero at the last step"
    )
    warmup: int = Field(0, ge=0, description="steps in which the learning rate rises from zero")
    max_gradient_norm: float = Field(
        0.0, ge=0, description="norm to which gradients are clipped; 0: no clipping"
    )
    weight_decay: float = Field(0.01, ge=0, description="weight decay of AdamW")
    ema_decay: float = Field(
        0.9999, ge=0, lt=1, description="decay of the weights' moving average; 0: no average"
    )
    ema_updates: int = Field(
        1,
        ge=1,
        description="updates of the average per step, at once; 4: as many as the released code's, "
        "which updates it after each of a step's 4 micro-batches",
    )
    optimizer: Literal["adamw", "adamw8bit"] = Field(
        "adamw", description="adamw8bit: a quarter of the memory, needs bitsandbytes"
    )
    precision: Precision = Field(
        "float32",
        description="of the activations; the weights stay float32. auto: bfloat16 on GPUs from "
        "Ampere on, float16 on Volta and Turing, else float32",
    )
    tf32: bool = Field(
        False, description="float32 products in TF32 on GPUs that have it: faster, 10 bits"
    )
    checkpoint_every: int = Field(500, ge=1, description="steps between checkpoints")
    workers: int | None = Field(
        None,
        ge=0,
        le=64,
        description="processes that read samples ahead, for each training process; 0: a thread. "
        "Default: 0 on the CPU, on GPUs one per core, at most 8",
    )

    def on_device(self, device: str) -> Self:
        """With the precision that `auto` means on this device."""
        return self.model_copy(update={"precision": choose(self.precision, capability(device))})

    # Not transformers' schedule, whose warm-up starts at rate 0 and so wastes the first step. The
    # shipped weights were trained with this one.
    def rate(self, step: int) -> float:
        """The learning rate of a step (counted from 0)."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.learning_rate
        done = (step - self.warmup) / max(self.iterations - self.warmup, 1)
        return self.learning_rate * (1 + cos(pi * done)) / 2


class SquareFrameOptions(LoopOptions):
    """Options of a training on frames that are squashed to squares."""

    flip: float = Field(
        0.5, ge=0, le=1, description="share of samples whose two frames are mirrored"
    )
    size: int = Field(
        256,
        ge=8,
        multiple_of=8,
        description="side in pixels of the squares that frames are squashed to",
    )


class FinetuningOptions(SquareFrameOptions):
    """Options for finetuning a denoiser."""

    init: str | None = Field(
        None,
        description="weights to start from: a diffusers folder or a checkpoint file, by path or "
        "name; 'scratch': small untrained networks",
    )
    autoencoder: str | None = Field(
        None, description="from scratch: weights whose vae/ to use; default: train one first"
    )
    conditioning_dropout: float = Field(
        0.05,
        ge=0,
        le=1 / 3,
        description="p: u < 2p drops the prompt, p ≤ u < 3p the image, with u uniform per sample",
    )
    prediction: Prediction = Field(
        "epsilon",
        description="from scratch: what the UNet learns to predict; existing weights keep theirs. "
        "Not all of diffusers' samplers support 'sample'",
    )
    shift: float = Field(
        1.0,
        gt=0,
        description="s of times t → s·t / (1 + (s − 1)·t), t in [0, 1]: above 1, more of them are "
        "noisy, where the text has most influence (arXiv 2403.03206, equation 23)",
    )
    train_text: bool = Field(False, description="train the text encoder too")
    lora: int = Field(
        0, ge=0, description="rank of LoRA updates of the UNet's attention; 0: train the whole UNet"
    )
    memory: float | None = Field(
        None,
        gt=0,
        description="GB of a device, for which micro_batch is lowered until the calculated memory "
        "fits; default: what is free on the GPU, without lowering",
    )
    gradient_checkpointing: bool = Field(
        False, description="recompute activations in the backward pass: less memory, more time"
    )


NON_SEMANTIC = frozenset(
    {"micro_batch", "memory", "checkpoint_every", "gradient_checkpointing", "workers"}
)

# Small enough for one CPU core: many small steps that predict the clean latent, mostly at noise
# levels where the text has most influence. No mirroring, as the toy kitchen's descriptions mention
# left and right.
TOY = {
    "init": "scratch",
    "prediction": "sample",
    "iterations": 6000,
    "batch_size": 8,
    "learning_rate": 2e-3,
    "schedule": "cosine",
    "warmup": 100,
    "max_gradient_norm": 1.0,
    "shift": 3.0,
    "ema_decay": 0.999,
    "flip": 0.0,
    "size": 128,
    "train_text": True,
}
# LEGO's released configuration, which accumulates 4 micro-batches and recomputes activations, in
# the fastest formats of the GPU.
SD15 = {
    "precision": "auto",
    "tf32": True,
    "gradient_checkpointing": True,
    "ema_updates": 4,
}
PRESETS = {"toy": TOY, "sd15": SD15}
