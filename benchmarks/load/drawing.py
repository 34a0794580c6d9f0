"""Draws the inputs: annotations and videos in the layout of EPIC-KITCHENS, and finished images."""

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 56, 32
PER_VIDEO = 100  # samples, one per second
RATE = 5  # frames per second: the frames of two samples differ
VERBS = 97  # as in EPIC-KITCHENS


def draw(folder: Path, count: int) -> None:
    """Write annotations.csv, videos/ and made/ for `count` samples, unless they exist."""
    table = annotations(count)
    done = folder / "annotations.csv"
    if done.is_file():
        return
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    (folder / "made").mkdir(exist_ok=True)
    for number, video in enumerate(dict.fromkeys(table["video_id"])):
        _draw_video(folder / "videos" / f"{video}.mp4", number)
    for number, sample_id in enumerate(table["narration_id"]):
        pixels = _blocks(np.random.default_rng((number, 1)), (HEIGHT, WIDTH, 3))
        (folder / "made" / f"{sample_id}.png").write_bytes(_png(pixels))
    table.to_csv(done, index=False)


def annotations(count: int) -> pd.DataFrame:
    """One action of half a second at every second of each video."""
    generator = np.random.default_rng(0)
    verbs = (VERBS * generator.random(count) ** 3).astype(int)  # a few are frequent
    nouns = generator.integers(0, 300, count)
    numbers = np.arange(count)
    videos = [f"P{number % 37:02d}_{number:04d}" for number in numbers // PER_VIDEO]
    start = 1 + numbers % PER_VIDEO
    return pd.DataFrame(
        {
            "narration_id": [f"{v}_{n}" for v, n in zip(videos, start, strict=True)],
            "video_id": videos,
            "start_timestamp": [f"00:{s // 60:02d}:{s % 60:02d}.00" for s in start],
            "stop_timestamp": [f"00:{s // 60:02d}:{s % 60:02d}.50" for s in start],
            "narration": [f"verb{v} noun{n}" for v, n in zip(verbs, nouns, strict=True)],
            "verb": [f"verb{verb}" for verb in verbs],
            "noun": [f"noun{noun}" for noun in nouns],
        }
    )


def _draw_video(path: Path, seed: int) -> None:
    generator = np.random.default_rng((seed, 0))
    with av.open(path, "w") as container:
        options = {"preset": "ultrafast", "g": str(5 * RATE), "threads": "1"}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, pixels in enumerate(_frames(generator)):
            frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _frames(generator: np.random.Generator) -> Iterator[NDArray[np.uint8]]:
    for _ in range((PER_VIDEO + 2) * RATE):
        yield _blocks(generator, (HEIGHT * 3 // 2, WIDTH))


def _blocks(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Random blocks of 4 × 4 pixels, which compress well and differ from all others."""
    small = (shape[0] // 4, shape[1] // 4, *shape[2:])
    blocks = generator.integers(0, 256, small, dtype=np.uint8)
    return blocks.repeat(4, axis=0).repeat(4, axis=1)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
