"""Tiny untrained weights, with which every command runs if no others are available."""

from pathlib import Path
from typing import Any

import torch

from egoactgen_bench.api.toy_weights import UNTRAINED
from egoactgen_bench.artifacts.manifest_base import FORMAT
from egoactgen_bench.diffusion.denoiser.clip_tokenizer import clip_tokenizer
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.diffusion.denoiser.noise_schedule import save_scheduler
from egoactgen_bench.support.files import write_json
from egoactgen_bench.support.replacing import replacing_folder
from egoactgen_bench.support.seeds import derive_seed, torch_generator

NAME = "toy-untrained"  # conditioned on the input frame, like LEGO and InstructPix2Pix
TEXT_TO_IMAGE = "toy-untrained-sd"  # a Stable Diffusion
NAMES = (NAME, TEXT_TO_IMAGE)

WIDTH = 32
UNET = {
    "sample_size": 16,
    "out_channels": 4,
    "block_out_channels": (16, 32),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 2,
    "norm_num_groups": 8,
}
VAE = {
    "sample_size": 128,
    "latent_channels": 4,
    "block_out_channels": (8, 8, 16, 16),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "norm_num_groups": 4,
}
TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 2 * WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


def folder(models: Path, name: str = NAME) -> Path:
    """The folder `models`/`name`, created if missing; its bytes are the same everywhere."""
    out = models / name
    if not (out / UNTRAINED).is_file():
        with replacing_folder(out) as new:
            _write(new, name)
    return out


def notices(weights: Path) -> list[str]:
    """Warnings for users of a weights folder."""
    if not (weights / UNTRAINED).is_file():
        return []
    return [
        f"The weights '{weights.name}' are tiny and untrained, so the images show nothing: "
        "choose trained ones with --weights."
    ]


def _write(out: Path, name: str) -> None:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    quiet()
    channels = 4 if name == TEXT_TO_IMAGE else 8
    _drawn(UNet2DConditionModel(**UNET, in_channels=channels)).save_pretrained(out / "unet")
    _drawn(AutoencoderKL(**VAE)).save_pretrained(out / "vae")
    _drawn(CLIPTextModel(CLIPTextConfig(**TEXT))).save_pretrained(out / "text_encoder")
    clip_tokenizer().save_pretrained(out / "tokenizer")
    save_scheduler(out / "scheduler")
    write_json(out / UNTRAINED, {"format": FORMAT, "weights": "untrained"})


def _drawn(model: Any) -> Any:
    """Initialise each matrix from a stream seeded by its name, variance-preserving; biases 0."""
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.ndim > 1:
                stream = torch_generator(derive_seed(0, NAME, name))
                scale = (tensor[0].numel() or 1) ** -0.5
                tensor.copy_(torch.randn(tensor.shape, generator=stream) * scale)
            else:
                tensor.fill_(1.0 if name.endswith("weight") else 0.0)
    return model
