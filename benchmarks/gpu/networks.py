"""Stable Diffusion 1.5's networks with random weights, made on the device."""

from typing import Any

import torch
from diffusers import AutoencoderKL

from benchmarks.gpu.setting import Setting
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.denoiser.clip_tokenizer import clip_tokenizer
from egoactgen_bench.diffusion.denoiser.latent_model import LatentModel
from egoactgen_bench.diffusion.finetuning.full_size_networks import (
    STABLE_DIFFUSION,
    Configurations,
)

TOY = Configurations("toy", untrained_weights.UNET, untrained_weights.TEXT)
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}


def configurations(setting: Setting) -> Configurations:
    return TOY if setting.toy else STABLE_DIFFUSION


def side(setting: Setting) -> int:
    """Of the frames, in pixels."""
    return 64 if setting.toy else 256


def build(setting: Setting, channels: int = 2) -> LatentModel:
    """The networks in float32, the same at each call; `channels` latents enter the UNet."""
    torch.manual_seed(0)
    with torch.device(setting.device):
        unet, text = configurations(setting).build(channels, side(setting))
        vae = AutoencoderKL(**(untrained_weights.VAE if setting.toy else VAE))
    unet, text, vae = (network.eval().requires_grad_(False) for network in (unet, text, vae))
    return LatentModel(unet, vae, text, clip_tokenizer(), setting.device)
