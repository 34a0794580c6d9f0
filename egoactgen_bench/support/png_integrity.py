"""Finds PNG files whose compressed data end before the last pixel, which Pillow leaves black."""

import struct
import zlib
from collections.abc import Iterator

from PIL import Image

# (x, y) of the first pixel of each pass of an interlaced image, and the steps to the next.
_PASSES = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


def missing_part(image: Image.Image, data: bytes) -> str | None:
    """What the file `data` lacks, of which Pillow decoded `image`; None if it is complete.

    Pillow reports compressed data that are cut off, but not those that end properly, too early.
    """
    interlaced = bool(image.info.get("interlace"))
    last_row = image.crop((0, image.height - 1, *image.size))
    # Most images need not be decompressed again, as a row without data is zero.
    if not interlaced and last_row.getbbox(alpha_only=False):
        return None
    chunks = list(_chunks(data))
    header = next(body for name, body in chunks if name == b"IHDR")
    wanted = _decompressed_size(header, interlaced)
    stream = b"".join(body for name, body in chunks if name == b"IDAT")
    found = len(zlib.decompressobj().decompress(stream, wanted))
    return "its compressed data end too early" if found < wanted else None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + length]
        at += 12 + length


def _decompressed_size(header: bytes, interlaced: bool) -> int:
    """Bytes of all rows, each with a byte for its filter."""
    width, height, depth, colour = struct.unpack_from(">IIBB", header)
    sizes = [(width, height)]
    if interlaced:
        sizes = [(-((x - width) // dx), -((y - height) // dy)) for x, y, dx, dy in _PASSES]
    bits = depth * _CHANNELS[colour]
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0)
