"""Checkpoints of Stable Diffusion 1.5 and LEGO in their published layouts, with random values."""

from pathlib import Path

import torch
from torch import Tensor

from benchmarks.full_size import compvis_shapes
from benchmarks.full_size.compvis_shapes import POSITIONS, Shapes, Sizes
from egoactgen_bench.diffusion.denoiser.noise_schedule import STEPS, alphas_cumprod

UNET, AVERAGE = "model.diffusion_model.", "model_ema.diffusion_model"
VAE, TEXT = "first_stage_model.", "cond_stage_model.transformer.text_model."
CONSTANTS = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
)


def shapes(sizes: Sizes, average: bool, conditioner: bool) -> Shapes:
    """All names and shapes of a checkpoint; the constants of the noise schedule come first."""
    yield from ((name, (STEPS,)) for name in CONSTANTS)
    unet = dict(compvis_shapes.unet(sizes))
    yield from ((UNET + name, shape) for name, shape in unet.items())
    if average:
        yield from (("model_ema.decay", ()), ("model_ema.num_updates", ()))
        # LitEma cannot store names with dots.
        yield from ((AVERAGE + name.replace(".", ""), shape) for name, shape in unet.items())
    yield from ((VAE + name, shape) for name, shape in compvis_shapes.vae(sizes))
    yield TEXT + "embeddings.position_ids", (1, POSITIONS)
    yield from ((TEXT + name, shape) for name, shape in compvis_shapes.text_encoder(sizes))
    if conditioner:
        yield from compvis_shapes.conditioner(sizes)


def write(path: Path, sizes: Sizes, *, average: bool, conditioner: bool) -> Path:
    """A Lightning checkpoint: `average` is that of the UNet, `conditioner` LEGO's σ, μ and π."""
    stream = torch.Generator().manual_seed(0)
    state = {
        name: _tensor(name, shape, stream) for name, shape in shapes(sizes, average, conditioner)
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": state, "global_step": 0}, path)
    return path


def _tensor(name: str, shape: tuple[int, ...], stream: torch.Generator) -> Tensor:
    """Normal matrices that keep the variance; biases 0, norms 1."""
    if name == "alphas_cumprod":
        return alphas_cumprod().float()
    if name.endswith("position_ids"):
        return torch.arange(POSITIONS)[None]
    if name == "model_ema.num_updates":
        return torch.tensor(1, dtype=torch.int32)
    if len(shape) < 2:
        return torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)
    fan_in = max(1, torch.Size(shape[1:]).numel())
    return torch.empty(shape).normal_(std=fan_in**-0.5, generator=stream)
