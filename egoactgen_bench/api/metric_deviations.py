"""Deviations from a metric's definition that `bench doctor` tries in order to explain a value.

A metric declares its `known_deviations` by axis; a variant has at most one deviation per axis:

    @classmethod
    def known_deviations(cls):
        uniform = Deviation(options={"window": "uniform"})
        return super().known_deviations() | {"window": {"uniform 7": uniform}}

Every metric has these without declaring them: each value of its `Literal` and `bool` options, and
`COMMON`, the processing of frames before any metric.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from egoactgen_bench.api.options import Options

Frames = Mapping[str, Image.Image]  # one sample's frames by role: input, output, target
Change = Callable[[Frames], Frames]


@dataclass(frozen=True)
class Deviation:
    """One deviation: other options, another formula or other frames.

    `metric` replaces the metric's class. `imitated` marks deviations that belong to the generation
    of images and can only be imitated on the finished ones.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    metric: type[Any] | None = None
    change: Change | None = None
    imitated: bool = False


Axes = Mapping[str, Mapping[str, Deviation]]  # axis → label → deviation


def of_options(options: type[Options]) -> dict[str, Mapping[str, Deviation]]:
    """An axis for each option with an enumerable set of values."""
    choices: dict[str, tuple[Any, ...]] = {}
    for name, declared in options.model_fields.items():
        if get_origin(declared.annotation) is Literal:
            choices[name] = get_args(declared.annotation)
        elif declared.annotation is bool:
            choices[name] = (True, False)
    return {
        name: {f"{name} {value}": Deviation(options={name: value}) for value in values}
        for name, values in choices.items()
    }


def stretched(image: Image.Image) -> Image.Image:
    """Stretch the image's own minimum and maximum over all channels to 0 and 255."""
    pixels = np.asarray(image, np.float32)
    low, high = pixels.min(), pixels.max()
    return Image.fromarray(((pixels - low) / max(high - low, 1) * 255).astype(np.uint8))


def through_jpeg(image: Image.Image, quality: int = 75) -> Image.Image:
    """The image after JPEG compression."""
    stream = io.BytesIO()
    image.save(stream, format="JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def swapped_channels(image: Image.Image) -> Image.Image:
    """The image with red and blue swapped, as by libraries that disagree on the order."""
    return Image.fromarray(np.ascontiguousarray(np.asarray(image)[..., ::-1]))


def luma(image: Image.Image) -> Image.Image:
    """The luma (Rec. 601) in all three channels."""
    return image.convert("L").convert("RGB")


def squashed(side: int, antialias: bool = True) -> Callable[[Image.Image], Image.Image]:
    """Resize to a square, ignoring the aspect ratio: Lanczos, or bilinear without antialias."""

    def scale(image: Image.Image) -> Image.Image:
        if antialias:
            return image.resize((side, side), Resampling.LANCZOS)
        return resized_tensor(image, (side, side))

    return scale


def middle_square(image: Image.Image) -> Image.Image:
    """The centre crop of the largest square."""
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    return image.crop((left, top, left + side, top + side))


def resized_tensor(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Bilinear resize without antialias to (width, height), PyTorch's default for tensors."""
    from torch import from_numpy
    from torch.nn.functional import interpolate

    if image.size == size:
        return image
    pixels = from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    scaled = interpolate(pixels, size[::-1], mode="bilinear", align_corners=False)
    return Image.fromarray(scaled[0].round().byte().permute(1, 2, 0).numpy())


def all_frames(change: Callable[[Image.Image], Image.Image]) -> Change:
    """Apply `change` to the frames of every role."""
    return lambda frames: {role: change(frame) for role, frame in frames.items()}


def outputs(change: Callable[[Image.Image], Image.Image]) -> Change:
    """Apply `change` only to the output."""
    return lambda frames: {**frames, "output": change(frames["output"])}


def outputs_fitted(resize: Callable[[Image.Image, tuple[int, int]], Image.Image]) -> Change:
    """Resize the output to its target's size by another method."""

    def fit(frames: Frames) -> Frames:
        if "target" not in frames or frames["output"].size == frames["target"].size:
            return frames
        return {**frames, "output": resize(frames["output"], frames["target"].size)}

    return fit


def targets_fitted(frames: Frames) -> Frames:
    """Keep the output, and resize the other frames to its size."""
    size = frames["output"].size
    return {
        role: frame if frame.size == size else frame.resize(size, Resampling.LANCZOS)
        for role, frame in frames.items()
    }


# In the order in which they are applied.
COMMON: dict[str, Mapping[str, Deviation]] = {
    "fit": {
        "outputs fitted by bicubic": Deviation(
            change=outputs_fitted(lambda image, size: image.resize(size, Resampling.BICUBIC))
        ),
        "outputs fitted by bilinear": Deviation(
            change=outputs_fitted(lambda image, size: image.resize(size, Resampling.BILINEAR))
        ),
        "outputs fitted by bilinear without antialias": Deviation(
            change=outputs_fitted(resized_tensor)
        ),
        "targets fitted to outputs": Deviation(change=targets_fitted),
    },
    "contrast": {
        "outputs stretched by their own min and max": Deviation(
            change=outputs(stretched), imitated=True
        ),
    },
    "file": {
        "outputs as JPEG 75": Deviation(change=outputs(through_jpeg), imitated=True),
        "all frames as JPEG 75": Deviation(change=all_frames(through_jpeg), imitated=True),
    },
    "size": {
        "frames squashed to 256×256": Deviation(change=all_frames(squashed(256))),
        "frames squashed to 256×256 without antialias": Deviation(
            change=all_frames(squashed(256, antialias=False))
        ),
        "frames squashed to 224×224": Deviation(change=all_frames(squashed(224))),
        "middle square of frames": Deviation(change=all_frames(middle_square)),
    },
    "channels": {"red and blue swapped": Deviation(change=all_frames(swapped_channels))},
}
