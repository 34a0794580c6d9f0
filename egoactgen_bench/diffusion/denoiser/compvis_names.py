"""Weights under CompVis' names (latent-diffusion checkpoints) → models of diffusers, transformers.

All sizes are read from tensor shapes, except the number of attention heads, which defaults to 8 in
the UNet (Stable Diffusion 1) and one per 64 channels in CLIP's text encoder.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.diffusion.denoiser.strict_loading import fill, refuse
from egoactgen_bench.errors import BenchError

Weights = Mapping[str, Tensor]

LATENT_SCALE = 0.18215


def convert_unet(weights: Weights, heads: int = 8) -> Any:
    """The UNet (diffusers' `UNet2DConditionModel`) of `model.diffusion_model.*`, prefix removed."""
    from diffusers import UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    config = unet_config(weights, heads)
    # On the meta device, no memory and no random numbers are spent on weights that are replaced at
    # once; `fill` is strict, so none of them is forgotten.
    with torch.device("meta"):
        unet = UNet2DConditionModel(**config)
    prefixed = {f"model.diffusion_model.{name}": tensor for name, tensor in weights.items()}
    converted = convert_ldm_unet_checkpoint(prefixed, config)
    _refuse_left_over("The checkpoint's UNet", weights, converted)
    return fill(unet, converted, "The checkpoint's UNet")


def convert_vae(weights: Weights) -> Any:
    """The autoencoder (diffusers' `AutoencoderKL`) of `first_stage_model.*`, prefix removed."""
    from diffusers import AutoencoderKL
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    config = vae_config(weights)
    with torch.device("meta"):
        vae = AutoencoderKL(**config)
    prefixed = {f"first_stage_model.{name}": tensor for name, tensor in weights.items()}
    converted = convert_ldm_vae_checkpoint(prefixed, config)
    _refuse_left_over("The checkpoint's VAE", weights, converted)
    return fill(vae, converted, "The checkpoint's VAE")


def convert_text_encoder(weights: Weights, heads: int | None = None) -> Any:
    """CLIP's text encoder (`CLIPTextModel`) of `text_model.*`, that prefix removed."""
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        encoder = CLIPTextModel(CLIPTextConfig(**text_config(weights, heads)))
    # Only some releases of transformers have the prefix `text_model.`.
    prefix = "text_model." if hasattr(encoder, "text_model") else ""
    named = {prefix + n: t for n, t in weights.items() if n != "embeddings.position_ids"}
    return fill(encoder, named, "The checkpoint's text encoder")


def _refuse_left_over(owner: str, weights: Weights, converted: Weights) -> None:
    """Refuse a checkpoint with tensors that the conversion did not use: the model would differ."""
    # By memory: the conversion renames tensors without copying them.
    taken = {tensor.data_ptr() for tensor in converted.values()}
    left = [name for name, tensor in weights.items() if tensor.data_ptr() not in taken]
    refuse(owner, "has unknown tensors", left)


def unet_config(weights: Weights, heads: int = 8) -> dict[str, Any]:
    """The configuration of a `UNet2DConditionModel`, read from the shapes of CompVis' names."""
    first = _tensor(weights, "input_blocks.0.0.weight", "UNet")
    levels = _levels(weights)
    layers = len(levels[0])
    channels: list[int] = []
    attends: list[bool] = []
    context: list[int] = []
    for blocks in levels:
        resnet = _tensor(weights, f"input_blocks.{blocks[0]}.0.out_layers.3.weight", "UNet")
        channels.append(resnet.shape[0])
        key = f"input_blocks.{blocks[0]}.1.transformer_blocks.0.attn2.to_k.weight"
        attends.append(key in weights)
        context += [weights[key].shape[1]] if key in weights else []
    if not context:
        raise BenchError(
            "The checkpoint's UNet has no cross-attention: it is not conditioned on text."
        )
    down = ["CrossAttnDownBlock2D" if attend else "DownBlock2D" for attend in attends]
    up = ["CrossAttnUpBlock2D" if attend else "UpBlock2D" for attend in reversed(attends)]
    return {
        "sample_size": 32,  # 256-pixel frames
        "in_channels": first.shape[1],
        "out_channels": _tensor(weights, "out.2.weight", "UNet").shape[0],
        "block_out_channels": tuple(channels),
        "layers_per_block": layers,
        "down_block_types": tuple(down),
        "up_block_types": tuple(up),
        "cross_attention_dim": context[0],
        "attention_head_dim": heads,  # diffusers' name for the number of heads
    }


def vae_config(weights: Weights) -> dict[str, Any]:
    """The configuration of an `AutoencoderKL`, read from the shapes of CompVis' names."""
    channels: list[int] = []
    while (key := f"encoder.down.{len(channels)}.block.0.conv1.weight") in weights:
        channels.append(weights[key].shape[0])
    if not channels:
        raise BenchError("The checkpoint's VAE has no encoder.down.0.block.0.conv1.weight.")
    layers = 0
    while f"encoder.down.0.block.{layers}.conv1.weight" in weights:
        layers += 1
    return {
        "sample_size": 256,
        "in_channels": _tensor(weights, "encoder.conv_in.weight", "VAE").shape[1],
        "out_channels": _tensor(weights, "decoder.conv_out.weight", "VAE").shape[0],
        "latent_channels": _tensor(weights, "post_quant_conv.weight", "VAE").shape[1],
        "block_out_channels": tuple(channels),
        "layers_per_block": layers,
        "down_block_types": ("DownEncoderBlock2D",) * len(channels),
        "up_block_types": ("UpDecoderBlock2D",) * len(channels),
        "norm_num_groups": 32,
        "scaling_factor": LATENT_SCALE,
    }


def text_config(weights: Weights, heads: int | None = None) -> dict[str, Any]:
    """The configuration of a `CLIPTextModel`, read from shapes; token ids as Stable Diffusion's."""
    words = _tensor(weights, "embeddings.token_embedding.weight", "text encoder")
    positions = _tensor(weights, "embeddings.position_embedding.weight", "text encoder")
    inner = _tensor(weights, "encoder.layers.0.mlp.fc1.weight", "text encoder")
    layers = 0
    while f"encoder.layers.{layers}.mlp.fc1.weight" in weights:
        layers += 1
    return {
        "vocab_size": words.shape[0],
        "hidden_size": words.shape[1],
        "intermediate_size": inner.shape[0],
        "num_hidden_layers": layers,
        "num_attention_heads": heads or max(words.shape[1] // 64, 4),
        "max_position_embeddings": positions.shape[0],
        "hidden_act": "quick_gelu",
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
    }


def _levels(weights: Weights) -> list[list[int]]:
    """The numbers of the input blocks of each resolution; a downsampling block ends a level."""
    levels: list[list[int]] = [[]]
    number = 1
    while any(name.startswith(f"input_blocks.{number}.") for name in weights):
        if f"input_blocks.{number}.0.op.weight" in weights:
            levels.append([])
        else:
            levels[-1].append(number)
        number += 1
    if not all(levels):
        raise BenchError(f"The checkpoint's UNet ends after input block {number - 1}.")
    return levels


def _tensor(weights: Weights, name: str, owner: str) -> Tensor:
    if name not in weights:
        raise BenchError(f"The checkpoint's {owner} has no {name}.")
    return weights[name]
