"""A weights folder in diffusers' layout: UNet, VAE, CLIP text encoder and tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.prediction import Prediction, read_prediction
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.images import resize
from egoactgen_bench.weights.model_folders import check_folder_files, read_files, require_folder
from egoactgen_bench.weights.pretrained import (
    check_vocabulary,
    first_sentence,
    load_model,
    load_processor,
)

PARTS = ("unet", "vae", "text_encoder", "tokenizer")
MANIFESTS = ("conversion.json", "train.json", "untrained.json", "model_index.json")


@dataclass(frozen=True)
class LatentModel:
    """The loaded networks; text encoder and VAE in float32, since each runs once per image."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    device: str
    prediction: Prediction = "epsilon"  # the UNet's output

    @property
    def size(self) -> int:
        """Side in pixels of the square images for which the UNet was trained."""
        return int(self.unet.config.sample_size * self.factor)

    @property
    def factor(self) -> int:
        """Downsampling factor of the VAE."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    def pixels(self, frames: Sequence[Image.Image]) -> Tensor:
        """(B, 3, H, W) float32 in [-1, 1]: whole frames, resized to the UNet's square size."""
        squashed = [np.array(resize(frame, (self.size, self.size))) for frame in frames]
        return torch.from_numpy(np.stack(squashed)).permute(0, 3, 1, 2) / 127.5 - 1

    def tokens(self, prompts: Sequence[str]) -> Tensor:
        """(B, 77) int64: the prompts' tokens, truncated or padded."""
        return prompt_tokens(self.tokenizer, prompts)

    def count_cut(self, prompts: Sequence[str]) -> int:
        """How many prompts have more tokens than the text encoder takes, so that `tokens` cuts."""
        # Begin and end are tokens, too.
        lengths = self.tokenizer(list(prompts), truncation=False, verbose=False).input_ids
        return sum(len(ids) > self.tokenizer.model_max_length for ids in lengths)

    def embed(self, prompts: Sequence[str]) -> Tensor:
        """ψ: (B, 77, width) last hidden states, including padding, as in Stable Diffusion."""
        embedded: Tensor = self.text_encoder(self.tokens(prompts).to(self.device)).last_hidden_state
        return embedded

    def encode(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] → (B, 4, H/8, W/8): the mode of the posterior, unscaled."""
        latents: Tensor = self.vae.encode(images.to(self.device)).latent_dist.mode()
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Denoised (scaled) latents → images (B, 3, H, W), approximately in [-1, 1]."""
        images: Tensor = self.vae.decode(latents / self.vae.config.scaling_factor).sample
        return images


def prompt_tokens(tokenizer: Any, prompts: Sequence[str]) -> Tensor:
    """(B, 77) int64: the prompts' tokens, truncated or padded."""
    tokens: Tensor = tokenizer(
        list(prompts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    ).input_ids
    return tokens


@torch.inference_mode()
def check_parts(model: LatentModel, folder: Path) -> None:
    """Raise `BenchError` unless the networks fit each other: one step from zeros, decoded.

    Otherwise every sample would fail alike: parts of different models, or a UNet that needs more
    inputs than a latent, a time and a text.
    """
    unet = model.unet
    try:
        side = model.size // model.factor
        latent = torch.zeros(1, unet.config.in_channels, side, side, device=model.device)
        text = model.embed([""]).to(unet.dtype)
        step = unet(latent.to(unet.dtype), torch.tensor(0), encoder_hidden_states=text).sample
        model.decode(step.float())
        model.encode(torch.zeros(1, 3, model.size, model.size))
    except torch.OutOfMemoryError:
        return  # a sample's own error
    except Exception as error:
        raise BenchError(
            f"The networks of {folder} do not fit each other, or this method "
            f"({first_sentence(error)})."
        ) from error


def check_folder(folder: Path) -> None:
    """Raise `BenchError` unless the folder is a complete weights folder."""
    require_folder(folder)
    missing = [part for part in PARTS if not (folder / part).is_dir()]
    if missing or not any((folder / name).is_file() for name in MANIFESTS):
        what = ", ".join(f"{part}/" for part in missing) or "a manifest (it is unfinished)"
        raise BenchError(
            f"{folder} is not a weights folder: it lacks {what}. "
            "Create one with `bench models convert CKPT --out DIR`."
        )
    check_folder_files(folder)


def weight_files(folder: Path) -> list[Path]:
    """The files of a weights folder that determine the images, sorted."""
    parts = (*PARTS, "conditioner", "scheduler")
    return sorted(file for part in parts for file in read_files(folder / part))


def quiet() -> None:
    """Disable transformers' progress bars for reading and writing networks."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def load(folder: Path, device: str, dtype: torch.dtype, channels_last: bool = False) -> LatentModel:
    """Load a weights folder strictly; the UNet in `dtype`, the other networks in float32."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    check_folder(folder)
    quiet()
    unet = load_model(UNet2DConditionModel, folder / "unet", dtype=dtype)
    if channels_last:
        unet = unet.to(memory_format=torch.channels_last)
    vae = load_model(AutoencoderKL, folder / "vae", dtype=torch.float32)
    text_encoder = load_model(CLIPTextModel, folder / "text_encoder", dtype=torch.float32)
    tokenizer = load_processor(CLIPTokenizer, folder / "tokenizer")
    check_vocabulary(tokenizer, text_encoder.config.vocab_size, folder / "tokenizer")
    unet, vae, text_encoder = (network.to(device) for network in (unet, vae, text_encoder))
    return LatentModel(unet, vae, text_encoder, tokenizer, device, read_prediction(folder))
