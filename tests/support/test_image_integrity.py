"""Image files that were cut and closed again: Pillow decodes them and invents the rest."""

import io
import re
import struct
import zlib
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import decode, decode_rgb

NOISE = np.random.default_rng(0).integers(1, 256, (40, 50, 3), dtype=np.uint8)
JPEGS = [
    {"quality": 95, "subsampling": 0},
    {"progressive": True},
    {"restart_marker_blocks": 3},
]


def jpeg(**options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(NOISE).save(stream, "JPEG", **options)
    return stream.getvalue()


def png(stream: bytes, colour: int = 2, interlaced: bool = False) -> bytes:
    header = struct.pack(">IIBBBBB", 50, 40, 8, colour, 0, 0, interlaced)
    chunks = [
        (b"IHDR", header),
        *((b"IDAT", stream[at : at + 1000]) for at in range(0, 7000, 1000)),
    ]
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [*chunks, (b"IEND", b"")]
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def rows(pixels: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in pixels)


def interlaced(pixels: np.ndarray) -> bytes:
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    passes = [pixels[y::down, x::right] for y, x, down, right in (*starts, (1, 0, 2, 1))]
    return b"".join(map(rows, passes))


def detail(data: bytes) -> str:
    with pytest.raises(SampleError) as caught:
        decode_rgb(data, "x")
    assert caught.value.code == "undecodable_image"
    return caught.value.detail


@pytest.mark.parametrize("layout", [rows, interlaced])
@pytest.mark.parametrize("last", [NOISE[-1], 0])
def test_a_png_whose_data_end_too_early(layout, last):
    pixels = NOISE.copy()
    pixels[-1] = last
    scan = layout(pixels)
    whole = png(zlib.compress(scan), interlaced=layout is interlaced)
    assert np.array_equal(np.asarray(decode_rgb(whole, "x")), pixels)
    for kept in (151, 151 * 20, len(scan) - 151, len(scan) - 1):
        data = png(zlib.compress(scan[:kept]), interlaced=layout is interlaced)
        assert detail(data).startswith("x: ")
        assert detail(png(zlib.compress(scan)[:-40], interlaced=layout is interlaced))


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("cut", [1, 2, 3, 40, 400])
def test_a_jpeg_that_was_cut_and_closed_again(options, cut):
    data = jpeg(**options)
    decode_rgb(data, "x")
    assert "truncated" in detail(data[: -2 - cut] + b"\xff\xd9")
    assert detail(data[:-cut])


def test_a_jpeg_without_the_data_of_an_interval():
    data = jpeg(restart_marker_blocks=3)
    first, second, *_ = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", data)]
    assert "its compressed data end too early" in detail(data[: first + 2] + data[second:])


def test_a_progressive_jpeg_without_its_last_scans():
    data = jpeg(progressive=True)
    scans = [found.start() for found in re.finditer(rb"\xff\xda", data)]
    assert len(scans) > 4
    for scan in scans[1:]:
        assert detail(data[:scan] + b"\xff\xd9") == "x: truncated, some of its scans are missing"


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_complete_jpegs_of_any_size_are_decoded(mode, options):
    for width, height in pairwise(range(1, 40, 3)):
        image = Image.fromarray(NOISE[:height, :width]).convert(mode)
        stream = io.BytesIO()
        image.save(stream, "JPEG", comment=b"\xff\xda\xff\xd9", **options)
        stored = Image.open(stream)
        found = decode(stream.getvalue() + b"anything \xff\xda", "x")
        assert np.array_equal(np.asarray(found), np.asarray(stored))
