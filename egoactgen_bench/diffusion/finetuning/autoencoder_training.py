"""The toy's autoencoder: a small AutoencoderKL (Stable Diffusion's), trained from scratch."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from accelerate import PartialState
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.api.trainer import Trainer
from egoactgen_bench.diffusion.denoiser.stable_diffusion_weights import STABLE_DIFFUSION
from egoactgen_bench.diffusion.finetuning import (
    latent_channels,
    starting_networks,
    training_checkpoints,
)
from egoactgen_bench.diffusion.finetuning.batch_loading import Batch
from egoactgen_bench.diffusion.finetuning.frame_latents import Frame, frames_of
from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop, TrainingTask
from egoactgen_bench.diffusion.finetuning.training_options import SquareFrameOptions
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.images import read_rgb, resize
from egoactgen_bench.support.seeds import derive_seed, seeded

# One latent position per 8 × 8 pixels. The best linear code of the toy kitchen's 128 × 128 frames:
# 26.9 dB with 13 channels, 29.8 dB with 24, 31.6 dB with 32 (reconstructions.csv of the results).
LEVELS = (16, 32, 48, 56)
CHANNELS = 24
VAE = {
    "latent_channels": CHANNELS,
    "block_out_channels": LEVELS,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "norm_num_groups": 8,
}


class AutoencoderOptions(SquareFrameOptions):
    """Options for training the autoencoder."""

    kl_weight: float = Field(1e-8, ge=0, description="weight of the KL divergence from N(0, 1)")
    error: Literal["absolute", "squared"] = Field(
        "absolute",
        description="error of a pixel; squared: small, rare objects are blurred instead of lost",
    )
    init: str | None = Field(
        None, description="weights whose vae/ to start from, by path or name; default: from scratch"
    )
    keep_encoder: bool = Field(
        False,
        description="train only the decoder, so that networks based on the latents stay valid",
    )


class Reconstruction(TrainingTask):
    """E |x − D(z)| + λ KL(q(z|x), N(0, 1)), with z drawn from the posterior q of the frame x.

    The first stage of latent diffusion (arXiv 2112.10752, appendix G), without its perceptual and
    adversarial losses; the first term is E (x − D(z))² for `error=squared`.
    """

    def __init__(
        self, vae: Any, frames: Sequence[Frame], options: AutoencoderOptions, seed: int
    ) -> None:
        super().__init__()
        self.vae, self.options, self.seed = vae.train(), options, seed
        if options.keep_encoder:
            vae.encoder.requires_grad_(False)
            vae.quant_conv.requires_grad_(False)
        self.frames, self.images = _read(frames, options.size)

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, draws: Sequence[SampleDraw]) -> Batch:
        images, noises = zip(*map(self._sample, draws), strict=True)
        scaled = torch.stack(images) / 127.5 - 1
        return {"image": scaled, "noise": torch.stack(noises)}

    def _sample(self, draw: SampleDraw) -> tuple[Tensor, Tensor]:
        frame = self.frames[draw.sample]
        generator = draw.generator(self.seed, frame.sha256)
        mirrored = float(torch.rand((), generator=generator)) < self.options.flip
        side = self.options.size // 2 ** (len(self.vae.config.block_out_channels) - 1)
        noise = torch.randn(self.vae.config.latent_channels, side, side, generator=generator)
        image = self.images[draw.sample]
        return image.flip(2) if mirrored else image, noise

    def forward(self, batch: Batch) -> Tensor:
        posterior = self.vae.encode(batch["image"]).latent_dist
        decoded = self.vae.decode(posterior.mean + posterior.std * batch["noise"]).sample
        error = F.l1_loss if self.options.error == "absolute" else F.mse_loss
        reconstruction = error(decoded.float(), batch["image"])
        loss: Tensor = reconstruction + self.options.kl_weight * posterior.kl().mean()
        return loss


class AutoencoderTrainer(Trainer[AutoencoderOptions]):
    """The toy's autoencoder (AutoencoderKL), on which the other toy networks are based."""

    Options = AutoencoderOptions
    takes_several_splits = True  # whose frames are drawn equally often
    presets: ClassVar[Any] = {
        "toy": {
            "iterations": 6000,
            "batch_size": 4,
            "learning_rate": 2e-3,
            "schedule": "cosine",
            "warmup": 50,
            "max_gradient_norm": 1.0,
            "weight_decay": 0.0,
            "ema_decay": 0.99,
            "flip": 0.5,
            "size": 128,
        }
    }
    non_semantic_options = frozenset({"micro_batch", "checkpoint_every", "workers"})
    published_weights = (STABLE_DIFFUSION,)
    packages = ("torch", "accelerate", "diffusers", "safetensors")

    def train(self) -> dict[str, Any]:
        state = PartialState(cpu=self.context.device == "cpu")
        frames = [f for role in ("input", "target") for f in frames_of(self.context.split, role)]
        training_task = Reconstruction(self._start(), frames, self.options, self.context.seed)
        curve = TrainingLoop(training_task, self.options, self.context).run()
        summary = f"{len(curve)} steps on {len(training_task)} frames, loss {curve.recent():.4f}"
        if state.is_main_process:
            vae = training_task.vae.eval()
            channels = vae.config.latent_channels
            if not self.options.keep_encoder:
                latent_channels.standardise(vae, training_task.images)
                vae = latent_channels.without_collapsed(vae, training_task.images)
            if vae.config.latent_channels < channels:
                summary += f", {vae.config.latent_channels} of {channels} latent channels kept"
            vae.save_pretrained(self.context.folder / "vae")
            curve.write(self.context.folder)
            training_checkpoints.clear(self.context.folder)
        return {"counts": {"frames": len(training_task)}, "summary": summary} | curve.summary()

    @classmethod
    def on_device(cls, options: AutoencoderOptions, device: str) -> AutoencoderOptions:
        return options.on_device(device)

    def sources(self) -> dict[str, str]:
        return {"init": provenance.content_digest(self._init)} if self._init else {}

    @property
    def _init(self) -> Path | None:
        chosen = self.options.init
        return (
            starting_networks.find(chosen, self.context.models, type(self)) / "vae"
            if chosen
            else None
        )

    def _start(self) -> Any:
        from diffusers import AutoencoderKL

        if self._init:
            return starting_networks.load_vae(self._init).requires_grad_(True)
        with seeded(derive_seed(self.context.seed, "networks")):
            return AutoencoderKL(**VAE, sample_size=self.options.size)


def _read(frames: Sequence[Frame], size: int) -> tuple[list[Frame], Tensor]:
    """The frames that can be read, and their pixels: (N, 3, size, size) uint8 in [0, 255].

    All are kept in memory: a frame of 128 × 128 takes 48 KB, and reading takes as long as training.
    """
    images = torch.empty((len(frames), 3, size, size), dtype=torch.uint8)
    kept: list[Frame] = []
    with ThreadPoolExecutor() as threads:
        for frame, image in zip(
            frames, threads.map(partial(_pixels, size=size), frames), strict=True
        ):
            if image is not None:
                images[len(kept)] = image
                kept.append(frame)
    return kept, images[: len(kept)]


def _pixels(frame: Frame, size: int) -> Tensor | None:
    try:
        squashed = resize(read_rgb(frame.path), (size, size))
    except SampleError:
        return None
    return torch.from_numpy(np.array(squashed)).permute(2, 0, 1)
