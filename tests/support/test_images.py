"""Decoding of image files: what every viewer shows, or a named error."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import MOST_PIXELS, decode_rgb, read_rgb

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
PICTURE = Image.fromarray(PIXELS)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(width: int, height: int, depth: int = 8, colour: int = 2, rows: int | None = None) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    channels = {0: 1, 2: 3}[colour]
    line = bytes(1 + width * channels * depth // 8)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(line * (height if rows is None else rows))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def code(data: bytes) -> str:
    with pytest.raises(SampleError) as caught:
        decode_rgb(data, "x.png")
    assert "0x" not in caught.value.detail  # an address in memory differs in every call
    assert caught.value.detail.startswith("x.png: ")
    return caught.value.code


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_orientation_is_applied(orientation, kind):
    exif = Image.Exif()
    exif[0x112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind == "JPEG" else {}
    stored = Image.open(io.BytesIO(encoded(PICTURE, kind, exif=exif, **options)))
    expected = np.asarray(ImageOps.exif_transpose(stored))
    found = decode_rgb(encoded(PICTURE, kind, exif=exif, **options), "x")
    assert np.array_equal(np.asarray(found), expected)
    assert found.size == ((9, 6) if orientation < 5 else (6, 9))


@pytest.mark.parametrize(
    "kind", ["GIF", "BMP", "TIFF", "ICO", "PPM", "TGA", "JPEG2000", "EPS", "PDF"]
)
def test_other_formats_are_not_decoded(kind):
    assert code(encoded(PICTURE, kind)) == "undecodable_image"


def test_postscript_is_not_run(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\n/usr/bin/touch {tmp_path}/ran\n")
    program.chmod(0o755)
    assert code(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nquit\n") == (
        "undecodable_image"
    )
    assert not (tmp_path / "ran").exists()


def animation(kind: str) -> bytes:
    return encoded(PICTURE, kind, save_all=True, append_images=[PICTURE.rotate(180)])


@pytest.mark.parametrize(
    "data",
    [
        png(8, 8, depth=16),
        png(8, 8, depth=16, colour=0),
        animation("PNG"),
        animation("WEBP"),
        encoded(PICTURE.convert("L"), "PNG"),
        encoded(PICTURE.convert("RGBA"), "PNG"),
        encoded(PICTURE.convert("P"), "PNG"),
        encoded(PICTURE.convert("CMYK"), "JPEG"),
        encoded(PICTURE, "PNG", transparency=(0, 0, 0)),
        png(8200, 8200, rows=1),
        png(60_000, 60_000, rows=1),
    ],
)
def test_images_that_viewers_show_differently_and_huge_ones_are_unsupported(data):
    assert code(data) == "unsupported_image"


def test_the_limit_of_pixels_is_checked_before_decoding():
    assert code(png(MOST_PIXELS // 64 + 1, 64, rows=1)) == "unsupported_image"
    assert decode_rgb(png(MOST_PIXELS // 64 // 100, 64), "x").height == 64


def test_the_first_of_a_camera_s_images_is_shown():
    data = animation("MPO")
    found = decode_rgb(data, "x")
    assert np.array_equal(np.asarray(found), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damage_is_a_named_error(kind):
    data = encoded(Image.fromarray(np.tile(PIXELS, (9, 9, 1))), kind)
    assert code(data[: len(data) // 2]) == "undecodable_image"
    assert code(data[:12]) == "undecodable_image"
    assert code(b"") == "undecodable_image"


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo.png")
    for path, expected in (
        (tmp_path / "fifo.png", "undecodable_image"),
        (tmp_path, "undecodable_image"),
        (tmp_path / "none.png", "missing_image"),
        (tmp_path / "fifo.png/x.png", "missing_image"),
    ):
        with pytest.raises(SampleError) as caught:
            read_rgb(path)
        assert caught.value.code == expected
