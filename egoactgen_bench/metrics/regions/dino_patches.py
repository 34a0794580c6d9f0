"""DINOv2's patch tokens of whole frames."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.metrics.dino_network import load_dino
from egoactgen_bench.metrics.tensors import evaluating, normalise, unit_tensor


@evaluating()
def patch_tokens(folder: Path, device: str, frame: Image.Image) -> Tensor:
    """(rows, columns, d) float32 tokens after the last layer norm, of unit norm, of an RGB frame.

    One frame at a time, so that a token depends on nothing else of a batch.
    """
    model, processor = load_dino(folder, device)
    patch = model.config.patch_size
    width, height = whole_size(frame.size, short_side(processor), patch)
    pixels = unit_tensor(frame.resize((width, height), Image.Resampling.BICUBIC))
    pixels = normalise(pixels, processor.image_mean, processor.image_std)
    tokens = model(pixels[None].to(device)).last_hidden_state[0, 1:]  # without the class token
    unit: Tensor = F.normalize(tokens, dim=-1)
    return unit.reshape(height // patch, width // patch, -1)


def short_side(processor: Any) -> int:
    """The side of the square that the network was trained on: 224 of the published one."""
    if processor.do_center_crop:
        return int(processor.crop_size["height"])
    return int(processor.size["height"])


def whole_size(size: tuple[int, int], side: int, patch: int) -> tuple[int, int]:
    """(width, height) of a whole frame: the shorter near `side`, both multiples of `patch`."""
    scale = side / min(size)
    width, height = (max(1, round(each * scale / patch)) * patch for each in size)
    return width, height


def patch_cosines(ours: Tensor, theirs: Tensor) -> NDArray[np.float64]:
    """(rows, columns) cosines of two frames' tokens, in [−1, 1]."""
    cosines: NDArray[np.float64] = (ours.double() * theirs.double()).sum(dim=-1).cpu().numpy()
    return cosines.clip(-1, 1)
