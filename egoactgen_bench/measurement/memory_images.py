"""Images in memory as 8-bit RGB: PIL images, NumPy arrays, PyTorch tensors.

The value range of floats is stated by the caller and never guessed: an image in [0, 1] that is
entirely dark could also be one in [−1, 1].
"""

import sys
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.errors import BenchError, SampleError

ValueRange = Literal["unit", "signed"]
RANGES: dict[str, tuple[float, float]] = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0)}
FORMS = (
    "give PIL images in mode RGB, uint8 or float arrays (N, height, width, 3), or tensors "
    "(N, 3, height, width)"
)


def rgb_images(
    images: Any, name: str, value_range: ValueRange | None
) -> list[Image.Image | SampleError]:
    """8-bit RGB images, and `not_finite` errors for those with NaN or infinite values.

    Floats become 8-bit levels as a saved image has them: scaled to [0, 255] and rounded half to
    even.

    Args:
        images: one PIL image, array (height, width, 3) or tensor (3, height, width); or a batch:
            a sequence of them, an array (N, height, width, 3) or a tensor (N, 3, height, width).
        name: what messages call the argument.
        value_range: of floats: "unit" for [0, 1], "signed" for [−1, 1].

    Raises:
        BenchError: another type or shape, floats without a range, or values outside of it.
    """
    if isinstance(images, Image.Image):
        return [_of_pillow(images, name)]
    if _is_tensor(images):
        return _of_batch(_channels_last(images, name), name, value_range)
    if isinstance(images, np.ndarray):
        return _of_batch(images, name, value_range)
    if isinstance(images, Sequence) and not isinstance(images, str | bytes):
        return [found for each in images for found in _single(each, name, value_range)]
    raise BenchError(f"{name} is a {type(images).__name__}: {FORMS}.")


def _single(image: Any, name: str, value_range: ValueRange | None) -> list[Any]:
    """One element of a sequence of images."""
    dimensions = getattr(image, "ndim", 3)
    if isinstance(image, list | tuple) or dimensions != 3:
        shape = getattr(image, "shape", None)
        found = f"of shape {tuple(shape)}" if shape is not None else type(image).__name__
        raise BenchError(f"{name} contains an element {found}, expected single images: {FORMS}.")
    return rgb_images(image, name, value_range)


def _is_tensor(value: Any) -> bool:
    """Whether it is a tensor; does not import PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _channels_last(tensor: Any, name: str) -> NDArray[Any]:
    if tensor.ndim not in (3, 4) or tensor.shape[-3] != 3:
        raise BenchError(f"{name} is a tensor of shape {tuple(tensor.shape)}: {FORMS}.")
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point():
        tensor = tensor.float()  # NumPy has no bfloat16
    pixels: NDArray[Any] = tensor.movedim(-3, -1).numpy()
    return pixels


def _of_pillow(image: Image.Image, name: str) -> Image.Image:
    if image.mode != "RGB":
        raise BenchError(f"{name} contains a PIL image in mode {image.mode}: convert it to RGB.")
    image.load()
    return image


def _of_batch(
    pixels: NDArray[Any], name: str, value_range: ValueRange | None
) -> list[Image.Image | SampleError]:
    if pixels.ndim not in (3, 4) or pixels.shape[-1] != 3 or 0 in pixels.shape[-3:]:
        raise BenchError(f"{name} is an array of shape {pixels.shape}: {FORMS}.")
    batch = pixels if pixels.ndim == 4 else pixels[None]
    if batch.dtype == np.uint8:
        return [Image.fromarray(np.ascontiguousarray(each)) for each in batch]
    if not np.issubdtype(batch.dtype, np.floating):
        raise BenchError(f"{name} has values of type {batch.dtype}: pass uint8, or floats.")
    if value_range is None:
        raise BenchError(
            f"{name} has floats, whose range is not guessed: pass value_range='unit' for [0, 1] or "
            "value_range='signed' for [-1, 1]."
        )
    if value_range not in RANGES:
        raise BenchError(f"value_range is {value_range!r}: use {' or '.join(map(repr, RANGES))}.")
    return [_of_floats(each, name, value_range) for each in batch]


def _of_floats(
    pixels: NDArray[np.floating], name: str, value_range: ValueRange
) -> Image.Image | SampleError:
    """An image of (height, width, 3) floats."""
    if not np.isfinite(pixels).all():
        return SampleError("not_finite", f"{name} contains NaN or infinite values")
    low, high = RANGES[value_range]
    least, most = float(pixels.min()), float(pixels.max())
    if least < low or most > high:
        raise BenchError(
            f"{name} has values from {least:.6g} to {most:.6g}, outside of [{low:g}, {high:g}] "
            f"(value_range='{value_range}'): clamp them, or state the right range."
        )
    unit = (pixels.astype(np.float32) - np.float32(low)) / np.float32(high - low)
    return Image.fromarray((unit * 255).round().astype(np.uint8))
