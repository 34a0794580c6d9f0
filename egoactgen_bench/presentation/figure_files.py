"""Smaller files of figures than Matplotlib's: without transparency, photographs in SVG as JPEG."""

import base64
import io
import re

from PIL import Image

QUALITY = 90
MOST_COLOURS = 20_000  # of a chart, most of them from smoothed edges; a photograph has more
_EMBEDDED = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=\s]+)")


def small_png(png: bytes) -> bytes:
    """An opaque PNG: of a chart with a palette of 256 colours, else with the same pixels."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.getcolors(MOST_COLOURS) is not None:
        image = image.quantize(256, dither=Image.Dither.NONE)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def small_svg(svg: bytes) -> bytes:
    """The SVG with each opaque embedded PNG as a JPEG without colour subsampling."""
    return _EMBEDDED.sub(_as_jpeg, svg)


def _as_jpeg(found: re.Match[bytes]) -> bytes:
    image = Image.open(io.BytesIO(base64.b64decode(found[1])))
    if "A" in image.getbands() and min(image.getchannel("A").tobytes()) < 255:
        return found[0]
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return b"data:image/jpeg;base64," + base64.b64encode(stream.getvalue())
