"""From a decoded video frame to the picture that a viewer sees."""

from fractions import Fraction
from typing import cast

import numpy as np
from av import VideoFrame
from av.buffer import Buffer
from av.video.reformatter import Interpolation
from PIL import Image

from egoactgen_bench.images import resize


def picture(frame: VideoFrame, sample_aspect_ratio: Fraction | None) -> Image.Image:
    """8-bit RGB at display size: tagged matrix and range honoured, square pixels, upright.

    The conversion is swscale's default, byte for byte what `ffmpeg -pix_fmt rgb24` writes: untagged
    video counts as BT.601 of limited range. `accurate_rnd` and `full_chroma_int` would move pixels
    at coloured edges by tens of levels away from what every FFmpeg-based pipeline has trained on.
    """
    pixels = frame.reformat(format="rgb24", interpolation=Interpolation.BICUBIC).to_ndarray()
    image = Image.fromarray(pixels)
    if sample_aspect_ratio not in (None, 0, 1):
        image = resize(image, (round(image.width * sample_aspect_ratio), image.height))
    matrix = frame.side_data.get("DISPLAYMATRIX")
    return image if matrix is None else upright(image, bytes(cast(Buffer, matrix)))


def upright(image: Image.Image, display_matrix: bytes) -> Image.Image:
    """Apply the quarter turns and flips of a display matrix (FFmpeg's libavutil/display.h).

    The matrix holds 3 × 3 int32; a point (x, y) goes to (a·x + c·y, b·x + d·y) with a, b first and
    c, d second row. Other angles are taken to the nearest of the eight positions.
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
