"""The files of figures."""

import base64
import io
import re

import numpy as np
from PIL import Image

from egoactgen_bench.presentation import charts
from egoactgen_bench.presentation.figure_files import small_png, small_svg


def embedded(mode: str, alpha: int = 255) -> bytes:
    """An SVG with a PNG of a gradient."""
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    pixels = np.stack([np.tile(ramp, (48, 1))] * 3 + [np.full((48, 64), alpha, np.uint8)], axis=-1)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "PNG")
    return b'<image href="data:image/png;base64,' + base64.b64encode(stream.getvalue()) + b'"/>'


def test_opaque_images_become_jpeg_of_the_same_size_and_colours():
    for mode in ("RGB", "RGBA"):
        found = re.fullmatch(
            rb'<image href="data:image/jpeg;base64,(.*)"/>', small_svg(embedded(mode))
        )
        image = np.array(Image.open(io.BytesIO(base64.b64decode(found[1]))), float)
        assert image.shape == (48, 64, 3)
        assert abs(image - np.linspace(0, 255, 64)[None, :, None]).max() < 6


def test_transparent_images_and_drawings_stay_as_they_are():
    for svg in (embedded("RGBA", alpha=100), b"<svg><path d='M 0 0'/></svg>"):
        assert small_svg(svg) == svg


def test_the_images_of_a_figure_are_saved_as_jpeg(tmp_path):
    figure = charts.new_figure(2, 2, resolution=100)
    figure.add_subplot().imshow(np.zeros((8, 8, 3), np.uint8))
    charts.save(figure, tmp_path / "drawn")
    svg = (tmp_path / "drawn.svg").read_bytes()
    assert b"data:image/jpeg;base64," in svg
    assert b"image/png" not in svg
    assert Image.open(tmp_path / "drawn.png").size == (200, 200)


def test_a_chart_has_a_palette_and_a_photograph_keeps_its_pixels():
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 4), np.uint8)
    noise[..., 3] = 255
    flat = noise.copy()
    flat[..., :3] = [31, 95, 214]
    for pixels, mode in ((noise, "RGB"), (flat, "P")):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG")
        small = small_png(stream.getvalue())
        image = Image.open(io.BytesIO(small))
        assert image.mode == mode
        assert (np.array(image.convert("RGB")) == pixels[..., :3]).all()
        assert len(small) < len(stream.getvalue())
