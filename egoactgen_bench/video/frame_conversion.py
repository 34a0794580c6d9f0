"""Conversion of a decoded video frame to the image that a viewer sees."""

from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.buffer import Buffer
from PIL import Image

from egoactgen_bench.support.images import resize
from egoactgen_bench.video.clean_aperture import Margins
from egoactgen_bench.video.video_file import MAX_PIXELS

# Width to height of a pixel, or the inverse; H.264 and HEVC list shapes of up to 2:1. Without the
# limit, a damaged header would make each frame take seconds.
LARGEST_STRETCH = 16


def to_image(
    frame: av.VideoFrame, sample_aspect_ratio: Fraction | None, margins: Margins | None
) -> Image.Image:
    """8-bit RGB at display size: without the margins, square pixels, upright.

    Raises `ValueError` or what FFmpeg raises, for example for a colour matrix that it cannot
    convert.
    """
    image = Image.fromarray(to_rgb(frame).to_ndarray())
    if margins is not None:
        box = (*margins[:2], image.width - margins.right, image.height - margins.bottom)
        image = image.crop(box)
    if sample_aspect_ratio not in (None, 0, 1):
        width = round(image.width * sample_aspect_ratio)
        possible = 1 / LARGEST_STRETCH <= sample_aspect_ratio <= LARGEST_STRETCH
        if not possible or not 0 < width * image.height <= MAX_PIXELS:
            raise ValueError(f"its pixels have the shape {sample_aspect_ratio}")
        image = resize(image, (width, image.height))
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return image if matrix is None else upright(image, bytes(cast(Buffer, matrix)))


def to_rgb(frame: av.VideoFrame) -> av.VideoFrame:
    """Convert with FFmpeg's scale filter and its defaults, like `ffmpeg -pix_fmt rgb24`.

    It honours the tagged matrix and range; untagged video is read as BT.601 with limited range.
    Swscale's `accurate_rnd` and `full_chroma_int` would change pixels at coloured edges by tens of
    levels compared with all other FFmpeg-based pipelines; `VideoFrame.reformat` uses another chroma
    location for 10-bit video.
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

    The matrix is 3 × 3 int32; it maps a point (x, y) to (a·x + c·y, b·x + d·y) with a, b in the
    first and c, d in the second row. Other angles are rounded to the nearest of the eight
    orientations.
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
