"""Reads, resizes and writes images; conversions have the value range in their names."""

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support import jpeg_integrity, png_integrity
from egoactgen_bench.support.files import write_bytes
from egoactgen_bench.support.regular_files import open_regular, reason

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 1 << 26  # 8192 × 8192, which takes 192 MiB as RGB
LARGEST_FILE = 1 << 28
_TOO_LARGE = f"more than {MOST_PIXELS:,} pixels"


def frame_size(width: int, height: int, target_height: int = 256) -> tuple[int, int]:
    """(width, height) of a stored frame: height 256, width 2·round(128·W/H) (456 for 16:9)."""
    return 2 * round(target_height / 2 * width / height), target_height


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize to `size` = (width, height) with Pillow's Lanczos, unless it has that size."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def read_image_file(path: Path) -> bytes:
    """The bytes of an image file, to be decoded by `decode_rgb`.

    Raises `SampleError` `missing_image`, or `undecodable_image` for what is not a readable file of
    at most `LARGEST_FILE` bytes.
    """
    try:
        with open_regular(path) as stream:
            # One byte more than the file has: a buffer of LARGEST_FILE bytes is not allocated.
            size = os.fstat(stream.fileno()).st_size
            data = stream.read(min(size, LARGEST_FILE) + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise SampleError("missing_image", str(path)) from None
    except OSError as error:
        raise SampleError("undecodable_image", f"{path}: {reason(error)}") from None
    if len(data) > LARGEST_FILE:
        raise SampleError("undecodable_image", f"{path}: more than {LARGEST_FILE >> 20} MiB")
    return data


def read_rgb(path: Path) -> Image.Image:
    """Read and decode an 8-bit RGB image file; raises as `read_image_file` and `decode_rgb`."""
    return decode_rgb(read_image_file(path), str(path))


def decode_rgb(data: bytes, name: str) -> Image.Image:
    """Decode the bytes of an 8-bit RGB image file; `name` is its name in error messages.

    Raises `SampleError` as `decode`, and `unsupported_image` for greyscale, alpha, palette and
    CMYK: the conversion to RGB is left to the caller.
    """
    image = decode(data, name)
    if image.mode != "RGB" or "transparency" in image.info:
        found = "transparent pixels" if image.mode == "RGB" else f"mode {image.mode}"
        raise SampleError("unsupported_image", f"{name}: {found} instead of 8-bit RGB")
    return image


def decode(data: bytes, name: str) -> Image.Image:
    """Decode the bytes of a PNG, JPEG or WebP file, upright as its EXIF orientation says.

    Raises `SampleError` `undecodable_image` (truncated, or another format) or `unsupported_image`
    (animated, 16 bits per channel, more than `MOST_PIXELS`).
    """
    try:
        # Only these formats: Pillow knows many, of which some start other programs (PostScript).
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if unsupported := _unsupported(image):
            raise SampleError("unsupported_image", f"{name}: {unsupported}")
        # Until then, Pillow has read only the header, and a truncated file would fail later
        # elsewhere.
        image.load()
        if lacking := _missing_part(image, data):
            raise SampleError("undecodable_image", f"{name}: truncated, {lacking}")
        # Cameras store the sensor's orientation and a tag for the rotation, which every viewer
        # applies and Pillow does not.
        ImageOps.exif_transpose(image, in_place=True)
    except SampleError:
        raise
    except UnidentifiedImageError:  # its text contains an address in memory
        raise SampleError("undecodable_image", f"{name}: not a PNG, JPEG or WebP image") from None
    except Image.DecompressionBombError:
        raise SampleError("unsupported_image", f"{name}: {_TOO_LARGE}") from None
    except Exception as error:  # noqa: BLE001  a damaged file may raise anything in a decoder
        text = str(error).partition("\n")[0] or type(error).__name__
        raise SampleError("undecodable_image", f"{name}: {text}") from None
    return image


def _unsupported(image: Image.Image) -> str | None:
    """Why an opened image is not decoded: viewers would show something else, or it is too large."""
    if image.width * image.height > MOST_PIXELS:
        return _TOO_LARGE
    # A camera's JPEG may contain further images (MPO): every viewer shows the first.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        return "an animation instead of one image"
    # Pillow decodes 16-bit RGB by dropping the lower byte, without saying so in the mode.
    if any("16" in str(tile.args) for tile in getattr(image, "tile", ())):
        return "16 bits per channel instead of 8-bit RGB"
    return None


def _missing_part(image: Image.Image, data: bytes) -> str | None:
    """What a file lacks that was cut off and closed again, which Pillow decodes without an error.

    WebP is left to libwebp, which refuses incomplete data and checks all but their last bits.
    """
    if image.format == "PNG":
        return png_integrity.missing_part(image, data)
    return None if image.format == "WEBP" else jpeg_integrity.missing_part(image, data)


def png_bytes(image: Image.Image, level: int = 6) -> bytes:
    """Encode an RGB image as PNG without metadata, so that equal pixels give equal bytes.

    At `level` 1, it takes a quarter of the time, for a few more bytes.
    """
    stream = io.BytesIO()
    # From the pixels only, as `save` would keep the source's profile and texts; with a fixed
    # level, as Pillow's default may change.
    Image.fromarray(np.asarray(image)).save(stream, format="PNG", compress_level=level)
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
