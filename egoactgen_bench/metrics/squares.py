"""Frames as the squares that networks of distances see, resized by Pillow."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise, unit_tensor


def squashed(frames: Sequence[Image.Image], size: int) -> Tensor:
    """RGB frames → (n, 3, size, size) float32: a bicubic resize, then ImageNet's normalisation."""
    squares = [frame.resize((size, size), Image.Resampling.BICUBIC) for frame in frames]
    pixels = torch.stack([unit_tensor(square) for square in squares])
    return normalise(pixels, IMAGENET_MEAN, IMAGENET_STD)


def centre_crop(frame: Image.Image) -> Image.Image:
    """The largest square in the middle of a frame, to the left or top of it by half a pixel."""
    side = min(frame.size)
    left, top = ((length - side) // 2 for length in frame.size)
    return frame.crop((left, top, left + side, top + side))
