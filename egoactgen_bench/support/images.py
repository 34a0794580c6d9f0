"""Reads, resizes and writes images; conversions have the value range in their names."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.files import write_bytes


def frame_size(width: int, height: int, target_height: int = 256) -> tuple[int, int]:
    """(width, height) of a stored frame: height 256, width 2·round(128·W/H) (456 for 16:9)."""
    return 2 * round(target_height / 2 * width / height), target_height


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize to `size` = (width, height) with Pillow's Lanczos, unless it has that size."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def read_rgb(path: Path) -> Image.Image:
    """Read and decode an 8-bit RGB image file.

    Raises `SampleError` `missing_image`, or as `decode_rgb`.
    """
    try:
        return decode_rgb(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise SampleError("missing_image", str(path)) from None


def decode_rgb(data: bytes, name: str) -> Image.Image:
    """Decode the bytes of an 8-bit RGB image file; `name` is its name in error messages.

    Raises `SampleError` `undecodable_image` (truncated or not an image) or `unsupported_image`
    (greyscale, alpha, palette, CMYK, 16 bit: the conversion to RGB is left to the caller).
    """
    try:
        image = Image.open(io.BytesIO(data))
        # Until then, Pillow has read only the header, and a truncated file would fail later
        # elsewhere.
        image.load()
    except (
        OSError,
        UnidentifiedImageError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise SampleError("undecodable_image", f"{name}: {error}") from None
    if image.mode != "RGB":
        raise SampleError("unsupported_image", f"{name}: mode {image.mode} instead of 8-bit RGB")
    return image


def png_bytes(image: Image.Image) -> bytes:
    """Encode an RGB image as PNG without metadata, so that equal pixels give equal bytes."""
    stream = io.BytesIO()
    # From the pixels only, as `save` would keep the source's profile and texts; with a fixed
    # level, as Pillow's default may change.
    Image.fromarray(np.asarray(image)).save(stream, format="PNG", compress_level=6)
    return stream.getvalue()


def write_png(path: Path, image: Image.Image) -> bytes:
    """Write `image` atomically as PNG and return the file's bytes."""
    data = png_bytes(image)
    write_bytes(path, data)
    return data


def uint8_to_unit(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[0, 255] uint8 → [0, 1] float32."""
    return pixels.astype(np.float32) / np.float32(255)


def unit_to_uint8(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """[0, 1] float → [0, 255] uint8, clamped, rounded to nearest."""
    pixels: NDArray[np.uint8] = np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
    return pixels
