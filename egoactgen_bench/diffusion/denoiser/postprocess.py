"""From the decoder's output to an image: clamped, or as in LEGO's released code."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from egoactgen_bench.support.images import resize

SIDE = 256


def clamped(decoded: Tensor) -> Image.Image:
    """(3, H, W), clamped to [-1, 1] → 256 × 256 RGB."""
    # Rounded, where the released code truncates and so darkens every frame by half a level.
    pixels = ((decoded.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return resize(_image(pixels), (SIDE, SIDE))


def released(decoded: Tensor, width: int, height: int) -> Image.Image:
    """(3, H, W) → RGB at the source's aspect ratio, with stretched contrast and JPEG quality 75."""
    stream = io.BytesIO()
    _image(stretched(decoded, width, height)).save(stream, format="JPEG", quality=75)
    return Image.open(stream).convert("RGB")


def stretched(decoded: Tensor, width: int, height: int) -> Tensor:
    """(3, H, W) → (3, 256, 256·width/height) uint8, as in the released code before saving.

    Bicubic without antialiasing; the image's own range is stretched to [0, 255] and truncated.
    """
    shape = (SIDE, round(SIDE * width / height))
    large = torch.nn.functional.interpolate(decoded[None].float(), shape, mode="bicubic")[0]
    low, high = large.min(), large.max()
    scaled = (large - low) / (high - low).clamp(min=torch.finfo(large.dtype).tiny) * 255
    return scaled.to(torch.uint8)


def _image(pixels: Tensor) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy()))
