"""Videos with a number drawn into each frame, and what is read back from them."""

import functools
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.video_reading import frames_at

WIDTH, HEIGHT, BITS, BLOCK, RATE = 256, 96, 8, 32, 30


@functools.cache
def drawn(number: int) -> NDArray[np.uint8]:
    """An RGB frame: the number as black and white squares at the top, moving noise below."""
    noise = np.random.default_rng(5).integers(40, 216, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    frame = np.repeat(np.repeat(np.roll(noise, number // 2, axis=1), 8, axis=0), 8, axis=1)
    for bit in range(BITS):
        frame[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235 if number >> bit & 1 else 16
    return frame


def number_in(image: Image.Image) -> int:
    """The number drawn into a frame; -1 if the squares are unclear."""
    grey = np.asarray(image, dtype=np.float64).mean(axis=2)[:BLOCK, : BITS * BLOCK]
    squares = grey.reshape(BLOCK, BITS, BLOCK).swapaxes(0, 1)[:, 8:-8, 8:-8]
    if (squares.std(axis=(1, 2)) > 12).any():
        return -1
    return int(((squares.mean(axis=(1, 2)) > 128) << np.arange(BITS)).sum())


def write_video(
    path: Path,
    ticks: Sequence[int] = range(75),
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    time_base: Fraction = Fraction(1, RATE),
    prepare: Any = lambda stream: None,
) -> Path:
    """Write a video whose frame n is displayed from tick `ticks[n]`."""
    with av.open(path, "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=RATE, options=options or {"g": "24", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.codec_context.time_base = time_base
        prepare(stream)
        for number, tick in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(drawn(number))
            frame.pts, frame.time_base = tick, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def read_numbers(path: Path, times: Sequence[float]) -> list[int | str]:
    """For each ascending time, the number in the frame or the error's code."""
    return [
        found.code if isinstance(found, SampleError) else number_in(found)
        for _, found in frames_at(path, times)
    ]


def packets(path: Path) -> list[tuple[int, int, int]]:
    """Position, size and number of each frame, in decode order."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        return [
            (packet.pos, packet.size, round(packet.pts * stream.time_base * RATE))
            for packet in container.demux(stream)
            if packet.pts is not None
        ]
