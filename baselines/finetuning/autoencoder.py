"""The toy's autoencoder: Stable Diffusion's AutoencoderKL, small, trained from nothing."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from accelerate import PartialState
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from baselines.finetuning import checkpoints
from baselines.finetuning.fitting import Batch, Fitting, Lesson
from baselines.finetuning.frames import Frame, frames_of, pixels
from baselines.finetuning.options import FittingOptions
from baselines.finetuning.visits import Visit
from egoactgen_bench.errors import SampleError
from egoactgen_bench.seeds import derive_seed, seeded
from egoactgen_bench.training import Trainer

# One latent cell for 8 × 8 pixels; 16 channels, since 4 cannot hold a picture of 64 × 64.
LEVELS = (16, 32, 64, 64)
CHANNELS = 16
VAE = {
    "latent_channels": CHANNELS,
    "block_out_channels": LEVELS,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
MEASURED = 256  # frames that tell the latents' spread


class AutoencoderOptions(FittingOptions):
    """How the autoencoder is trained."""

    kl_weight: float = Field(1e-6, ge=0, description="of the posterior's divergence from N(0, 1)")


class Reconstruction(Lesson):
    """E |x − D(z)| + λ KL(q(z|x), N(0, 1)), z drawn from the posterior q of the frame x.

    As the first stage of latent diffusion (arXiv 2112.10752, appendix G), without its perceptual
    and adversarial losses.
    """

    def __init__(
        self, vae: Any, frames: Sequence[Frame], options: AutoencoderOptions, seed: int
    ) -> None:
        super().__init__()
        self.vae, self.frames, self.options, self.seed = vae.train(), frames, options, seed

    def __len__(self) -> int:
        return len(self.frames)

    def batch(self, asked: Sequence[Visit]) -> Batch:
        images, spreads = zip(*map(self._visit, asked), strict=True)
        return {"image": torch.stack(images), "spread": torch.stack(spreads)}

    def _visit(self, visit: Visit) -> tuple[Tensor, Tensor]:
        frame = self.frames[visit.sample]
        draw = visit.generator(self.seed, frame.sha256)
        mirrored = float(torch.rand((), generator=draw)) < self.options.flip
        side = self.options.size // 2 ** (len(LEVELS) - 1)
        spread = torch.randn(CHANNELS, side, side, generator=draw)
        return pixels(frame, self.options.size, mirrored), spread

    def forward(self, batch: Batch) -> Tensor:
        posterior = self.vae.encode(batch["image"]).latent_dist
        decoded = self.vae.decode(posterior.mean + posterior.std * batch["spread"]).sample
        loss = F.l1_loss(decoded.float(), batch["image"])
        return loss + self.options.kl_weight * posterior.kl().mean()


class AutoencoderTrainer(Trainer[AutoencoderOptions]):
    """The toy's autoencoder (AutoencoderKL), which the other toy networks stand on."""

    Options = AutoencoderOptions
    presets: ClassVar[Any] = {
        "toy": {
            "iterations": 1500,
            "batch_size": 16,
            "learning_rate": 2e-3,
            "ema_decay": 0.995,
            "size": 64,
        }
    }
    mechanics = frozenset({"micro_batch", "checkpoint_every"})
    packages = ("torch", "accelerate", "diffusers", "safetensors")

    def train(self) -> dict[str, Any]:
        from diffusers import AutoencoderKL

        state = PartialState(cpu=self.task.device == "cpu")
        frames = [f for role in ("input", "target") for f in frames_of(self.task.split, role)]
        frames = [frame for frame in frames if _readable(frame)]
        with seeded(derive_seed(self.task.seed, "networks")):
            vae = AutoencoderKL(**VAE, sample_size=self.options.size)
        lesson = Reconstruction(vae, frames, self.options, self.task.seed)
        curve = Fitting(lesson, self.options, self.task).run()
        if state.is_main_process:
            vae.register_to_config(scaling_factor=self._scale(vae.eval(), frames))
            vae.save_pretrained(self.task.folder / "vae")
            curve.write(self.task.folder)
            checkpoints.clear(self.task.folder)
        summary = f"{len(curve)} steps on {len(frames)} frames, loss {curve.recent():.4f}"
        return {"counts": {"frames": len(frames)}, "summary": summary} | curve.summary()

    @torch.inference_mode()
    def _scale(self, vae: Any, frames: Sequence[Frame]) -> float:
        """What makes latents of unit variance, as diffusion wants them."""
        images = [pixels(frame, self.options.size, False) for frame in frames[:MEASURED]]
        parts = torch.stack(images).split(16)
        means = [vae.encode(part.to(vae.device)).latent_dist.mean for part in parts]
        return round(1 / float(torch.cat(means).std()), 5)


def _readable(frame: Frame) -> bool:
    try:
        pixels(frame, 8, False)
    except SampleError:
        return False
    return True
