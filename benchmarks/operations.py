"""Count the operations of the paper's networks at full size, without computing anything.

    python benchmarks/operations.py

One multiplication and one addition count as two operations. docs/lego.md divides by a GPU's speed.
"""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch.utils.flop_counter import FlopCounterMode

# Stable Diffusion 1.5's own configuration, with the input widened to 8 channels.
UNET: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 8,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
    "block_out_channels": (320, 640, 1280, 1280),
}
VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
SIDE = 256  # pixels


def count(call: Callable[[], Any]) -> float:
    """Operations of a call, in 10¹²."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return counter.get_total_flops() / 1e12


def main() -> None:
    """Print a table."""
    latent = SIDE // 8
    with torch.device("meta"):
        unet, vae = UNet2DConditionModel(**UNET), AutoencoderKL(**VAE)
        noisy, frame = torch.empty(1, 8, latent, latent), torch.empty(1, 3, SIDE, SIDE)
        contexts = {tokens: torch.empty(1, tokens, 768) for tokens in (77, 410)}
        time = torch.zeros(1)
        rows = {
            f"UNet, context of {tokens} tokens": count(
                lambda context=context: unet(noisy, time, context)
            )
            for tokens, context in contexts.items()
        }
        rows["autoencoder, encoding"] = count(lambda: vae.encode(frame))
        rows["autoencoder, decoding"] = count(lambda: vae.decode(noisy[:, :4]))
    size = sum(parameter.numel() for parameter in unet.parameters()) / 1e9
    print(f"At {SIDE} pixels; the UNet has {size:.3f} billion parameters.\n")
    print("| one call, one sample | 10¹² operations |\n|---|---:|")
    for name, operations in rows.items():
        print(f"| {name} | {operations:.3f} |")


if __name__ == "__main__":
    main()
