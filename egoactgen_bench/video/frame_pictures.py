"""From a decoded video frame to the picture that a viewer sees."""

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from PIL import Image

from egoactgen_bench.support.images import resize


def picture(frame: av.VideoFrame, sample_aspect_ratio: Fraction | None) -> Image.Image:
    """8-bit RGB at display size: square pixels, upright."""
    image = Image.fromarray(to_rgb(frame).to_ndarray())
    if sample_aspect_ratio not in (None, 0, 1):
        image = resize(image, (round(image.width * sample_aspect_ratio), image.height))
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return image if matrix is None else upright(image, bytes(cast(Buffer, matrix)))


def to_rgb(frame: av.VideoFrame) -> av.VideoFrame:
    """Convert by FFmpeg's scale filter with its defaults: what `ffmpeg -pix_fmt rgb24` writes.

    It honours the tagged matrix and range; untagged video counts as BT.601 of limited range.
    Swscale's `accurate_rnd` and `full_chroma_int` would move pixels at coloured edges by tens of
    levels, away from what all FFmpeg-based pipelines give; `VideoFrame.reformat` places the chroma
    of 10-bit video otherwise.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
    )
    graph.link_nodes(
        source, graph.add("scale"), graph.add("format", "pix_fmts=rgb24"), graph.add("buffersink")
    ).configure()
    graph.push(frame)
    return cast(av.VideoFrame, graph.pull())


def upright(image: Image.Image, display_matrix: bytes) -> Image.Image:
    """Apply the quarter turns and flips of a display matrix (FFmpeg's libavutil/display.h).

    The matrix holds 3 × 3 int32; a point (x, y) goes to (a·x + c·y, b·x + d·y) with a, b in the
    first and c, d in the second row. Other angles are taken to the nearest of the eight positions.
    """
    a, b, _, c, d = np.frombuffer(display_matrix, dtype=np.int32, count=5).tolist()
    turned = abs(b) + abs(c) > abs(a) + abs(d)
    if turned:
        image = image.transpose(Image.Transpose.TRANSPOSE)
    if (c if turned else a) < 0:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if (b if turned else d) < 0:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image
