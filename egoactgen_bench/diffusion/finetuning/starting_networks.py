"""The networks that a training starts from: existing weights, or small untrained ones."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from egoactgen_bench.api.weights_folder import locate
from egoactgen_bench.diffusion.denoiser import latent_model, untrained_weights
from egoactgen_bench.diffusion.denoiser.clip_tokenizer import clip_tokenizer
from egoactgen_bench.diffusion.denoiser.latent_editor import LatentEditor
from egoactgen_bench.diffusion.denoiser.prediction import Prediction
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.seeds import derive_seed, seeded
from egoactgen_bench.weights.pretrained import load_model

SCRATCH = "scratch"

# The toy's networks: the architectures of Stable Diffusion 1.5, 1.5 million weights. The last two
# levels attend; latents of more than 8 × 8 positions get one more before them, which does not.
WIDTH, WORDS = 64, 1024
ATTENDED = 8
LEVELS = (40, 64)
WIDE_LEVELS = (64, 48, 40)
UNET = {
    "layers_per_block": 1,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 4,
    "norm_num_groups": 8,
}
TEXT = {
    "hidden_size": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": WORDS,
}


def from_weights(folder: Path, channels: int, size: int) -> latent_model.LatentModel:
    """The networks of a weights folder; `channels` latents enter the UNet.

    `size` is the side in pixels of the frames to train on.
    """
    model = latent_model.load(folder, "cpu", torch.float32)
    wanted = channels * int(model.vae.config.latent_channels)
    if model.unet.config.in_channels > wanted:
        raise BenchError(
            f"The UNet of {folder} takes {model.unet.config.in_channels} input channels instead of "
            f"{wanted}: start from text-to-image weights."
        )
    widen(model.unet, wanted)
    model.unet.register_to_config(sample_size=size // model.factor)
    return model


def widen(unet: Any, channels: int) -> None:
    """Add input channels with zero weights to `unet`; its other weights and bias are kept."""
    old = unet.conv_in
    if old.in_channels == channels:
        return
    new = nn.Conv2d(channels, old.out_channels, old.kernel_size, padding=old.padding, bias=False)
    nn.init.zeros_(new.weight)
    with torch.no_grad():
        new.weight[:, : old.in_channels] = old.weight
    # diffusers' training script of InstructPix2Pix omits the bias, which shifts every feature.
    new.bias = old.bias
    unet.conv_in = new
    unet.register_to_config(in_channels=channels)


def adapt(unet: Any, rank: int, seed: int) -> None:
    """Add trainable LoRA updates (arXiv 2106.09685) to a frozen `unet`, and unfreeze conv_in."""
    from peft import LoraConfig

    attention = ["to_q", "to_k", "to_v", "to_out.0"]
    chosen = LoraConfig(r=rank, lora_alpha=rank, target_modules=attention)
    with seeded(derive_seed(seed, "lora")):
        unet.add_adapter(chosen)
    # The weights of its new channels are zero: untrained, they would ignore the input frame.
    unet.conv_in.requires_grad_(True)


def merge(unet: Any) -> None:
    """Merge the updates that `adapt` added into the weights."""
    unet.fuse_lora()
    unet.unload_lora()


def from_scratch(
    vae: Any, channels: int, size: int, seed: int, prediction: Prediction = "epsilon"
) -> latent_model.LatentModel:
    """Small untrained networks for the latents of a trained autoencoder."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    latent = int(vae.config.latent_channels)
    side = size // 2 ** (len(vae.config.block_out_channels) - 1)
    tokenizer = clip_tokenizer(words=WORDS)
    end = tokenizer.eos_token_id
    ids = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": end, "pad_token_id": end}
    with seeded(derive_seed(seed, "networks")):
        text = CLIPTextModel(CLIPTextConfig(**TEXT, **ids))
        unet = UNet2DConditionModel(
            **unet_of(side), in_channels=channels * latent, out_channels=latent
        )
    return latent_model.LatentModel(unet, vae, text, tokenizer, "cpu", prediction)


def unet_of(side: int) -> dict[str, Any]:
    """The configuration of a UNet for latents of side × side positions."""
    channels = WIDE_LEVELS if side > ATTENDED else LEVELS
    attending = [level >= len(channels) - len(LEVELS) for level in range(len(channels))]
    return UNET | {
        "sample_size": side,
        "block_out_channels": channels,
        "down_block_types": tuple(
            "CrossAttnDownBlock2D" if each else "DownBlock2D" for each in attending
        ),
        "up_block_types": tuple(
            "CrossAttnUpBlock2D" if each else "UpBlock2D" for each in reversed(attending)
        ),
    }


def load_vae(folder: Path) -> Any:
    """The frozen autoencoder in a folder."""
    from diffusers import AutoencoderKL

    return load_model(AutoencoderKL, folder, dtype=torch.float32)


def find(name: str, models: Path, trainer: type[Any]) -> Path:
    """The weights folder of a path or name; a checkpoint file is converted first.

    Raises `BenchError` if it is missing, with the command that fetches it if `trainer` declares it.
    """
    if name not in untrained_weights.NAMES:
        locate(name, models, plugin=trainer)
    found = LatentEditor.find_weights(name, models)
    assert found is not None
    return found
