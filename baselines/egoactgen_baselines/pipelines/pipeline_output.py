"""The images that a pipeline returns."""

from typing import Any

import numpy as np
from PIL import Image

from egoactgen_bench.errors import SampleError

Output = Image.Image | SampleError


def images(result: Any, name: str, count: int) -> list[Output]:
    """The images of a pipeline's result, in its field `name`, for `count` samples."""
    flags = getattr(result, "nsfw_content_detected", None) or [False] * count
    return [
        SampleError("flagged", "the pipeline's safety checker rejected the image")
        if flagged
        else as_image(image)
        for image, flagged in zip(getattr(result, name), flags, strict=True)
    ]


def as_image(image: Any) -> Output:
    """A PIL image, or (height, width, 3) floats in [0, 1], as an 8-bit RGB image."""
    if isinstance(image, np.ndarray):
        if not np.isfinite(image).all():
            return SampleError("not_finite", "the pipeline returns NaN or infinite pixels")
        # As diffusers rounds.
        image = Image.fromarray((image * 255).round().astype("uint8"))
    result: Image.Image = image.convert("RGB")
    return result
