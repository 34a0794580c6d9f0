"""The configurations of a denoiser's networks, which need no weights: read, or known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.api.weights_folder import means_shipped
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_bench.diffusion.finetuning import autoencoder_training, starting_networks
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.toy import DENOISER_WEIGHTS
from egoactgen_bench.weights.model_folders import CONFIG
from egoactgen_bench.weights.pretrained import refusing

# Stable Diffusion 1.5's own, apart from the classes' defaults.
UNET: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
}
TEXT: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "vocab_size": 49408,
}
LATENT, FACTOR = 4, 8  # channels of its latents, pixels per position


@dataclass(frozen=True)
class Configurations:
    """Of a UNet and a text encoder, and the latents' channels and pixels per position."""

    name: str
    unet: Mapping[str, Any]
    text: Mapping[str, Any]
    latent: int = LATENT
    factor: int = FACTOR

    @property
    def width(self) -> int:
        """Of the text's embedding."""
        return int(self.text["hidden_size"])

    def build(self, channels: int, size: int) -> tuple[Any, Any]:
        """UNet and text encoder for frames of `size` pixels; `channels` latents enter the UNet."""
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        own = {key: value for key, value in self.unet.items() if not key.startswith("_")}
        side = {"sample_size": size // self.factor, "in_channels": channels * self.latent}
        with refusing(Path(self.name)):
            unet = UNet2DConditionModel.from_config(own | side)
            # Of a small vocabulary, the default ids would be outside.
            ids = {"bos_token_id": 0, "eos_token_id": 0}
            return unet, CLIPTextModel(CLIPTextConfig(**ids | dict(self.text)))


STABLE_DIFFUSION = Configurations("Stable Diffusion 1.5", UNET, TEXT)


def configurations(init: str, models: Path, toy_weights: Path | None, size: int) -> Configurations:
    """Those of the weights `init`; Stable Diffusion 1.5's if they are not there yet.

    Small networks have more levels for larger frames, of `size` pixels.
    """
    if init == starting_networks.SCRATCH:
        latent = autoencoder_training.CHANNELS
        factor = 2 ** (len(autoencoder_training.LEVELS) - 1)
        own = {**starting_networks.unet_of(size // factor), "out_channels": latent}
        return Configurations("small networks", own, starting_networks.TEXT, latent, factor)
    if init in untrained_weights.NAMES:
        return Configurations(init, untrained_weights.UNET, untrained_weights.TEXT)
    if toy_weights is not None and means_shipped(init, models):
        return _of_folders(init, toy_weights, DENOISER_WEIGHTS)
    for folder in (models / init, Path(init)):
        if (folder / "unet" / CONFIG).is_file():
            return _of_folders(folder.name, folder)
    return STABLE_DIFFUSION


def _of_folders(name: str, *folders: Path) -> Configurations:
    """Those of weights whose parts are in one of these folders."""
    found = {
        part: next((f / part / CONFIG for f in folders if (f / part / CONFIG).is_file()), None)
        for part in ("unet", "vae", "text_encoder")
    }
    if missing := [part for part, path in found.items() if path is None]:
        raise BenchError(f"{name} lacks {missing[0]}/{CONFIG}: download it again.")
    with refusing(folders[0]):
        unet, vae, text = (read_json(path) for path in found.values() if path)
        factor = 2 ** (len(vae["block_out_channels"]) - 1)
        return Configurations(name, unet, text, int(vae["latent_channels"]), factor)
