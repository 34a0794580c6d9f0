"""Time reading exact frames at 200 times of a long H.264 file, compared with common methods.

    python benchmarks/video_frames.py --folder /tmp/bench --height 1080

Each frame contains its number, so that all methods can be checked for reading the right frames.
OpenCV is included if it is installed.
"""

import argparse
import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.video.video_reading import VideoReader

RATE, BITS, BLOCK = 30, 16, 24
FrameReader = Callable[[Path, list[int], tuple[int, int]], Iterator[np.ndarray]]
SIZES = {480: (854, 480), 1080: (1920, 1080)}


def draw_video(path: Path, size: tuple[int, int], seconds: int, keyframe_every: int) -> None:
    """Write a moving texture with the frame's number as 16 black or white squares."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height // 8, width // 4), dtype=np.uint8)
    luma = np.asarray(Image.fromarray(noise).resize((width * 2, height), Image.Resampling.BICUBIC))
    chroma = np.full((height // 2, width), 128, dtype=np.uint8)
    temporary = path.with_suffix(".part.mp4")
    with av.open(temporary, "w") as container:
        options = {"preset": "veryfast", "crf": "26", "g": str(keyframe_every), "bf": "3"}
        options |= {"keyint_min": str(keyframe_every), "sc_threshold": "0"}
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(seconds * RATE):
            shift = number * 2 % width
            picture = np.concatenate([luma[:, shift : shift + width], chroma])
            for bit in range(BITS):
                value = 235 if number >> bit & 1 else 16
                picture[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = value
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    temporary.replace(path)


def counter(pixels: np.ndarray) -> int:
    """Read the number back from an RGB frame."""
    squares = pixels[:BLOCK, : BITS * BLOCK].reshape(BLOCK, BITS, BLOCK, 3)
    bright = squares[4:-4, :, 4:-4].mean(axis=(0, 2, 3)) > 128
    return int((bright << np.arange(BITS)).sum())


def ours(path: Path, numbers: list[int], size: tuple[int, int]) -> Iterator[np.ndarray]:
    with VideoReader(path, threads=os.cpu_count() or 1) as reader:
        for _, found in reader.frames_at([number / RATE for number in numbers]):
            if isinstance(found, SampleError):
                raise found
            yield np.asarray(found)


def ffmpeg_process(path: Path, numbers: list[int], size: tuple[int, int]) -> Iterator[np.ndarray]:
    width, height = size
    for number in numbers:
        # Half a frame early: -ss selects the first frame that starts at or after the time.
        command = ["ffmpeg", "-v", "error", "-ss", str(max(number - 0.5, 0) / RATE), "-i", path]
        command += ["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        raw = subprocess.run(command, check=True, capture_output=True).stdout
        yield np.frombuffer(raw, dtype=np.uint8).reshape(height, width, 3)


def opencv_seek(path: Path, numbers: list[int], size: tuple[int, int]) -> Iterator[np.ndarray]:
    import cv2

    capture = cv2.VideoCapture(str(path))
    for number in numbers:
        capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        yield cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
    capture.release()


def linear_decode(path: Path, numbers: list[int], size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Decode everything with frame threads; convert only the requested frames to RGB."""
    wanted = set(numbers)
    with av.open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                yield frame.to_ndarray(format="rgb24")


def measure(
    reader: FrameReader, path: Path, numbers: list[int], size: tuple[int, int]
) -> dict[str, object]:
    start, processor = time.perf_counter(), sum(os.times()[:4])
    right = sum(
        counter(pixels) == number
        for number, pixels in zip(numbers, reader(path, numbers, size), strict=True)
    )
    seconds, processor = time.perf_counter() - start, sum(os.times()[:4]) - processor
    return {"way": reader.__name__, "seconds": seconds, "cpu_seconds": processor, "right": right}


def available() -> dict[str, FrameReader]:
    readers = [ours, linear_decode]
    readers += [ffmpeg_process] if shutil.which("ffmpeg") else []
    readers += [opencv_seek] if importlib.util.find_spec("cv2") else []
    return {reader.__name__: reader for reader in readers}


def main() -> None:
    readers = available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--folder", type=Path, required=True, help="folder of the synthetic videos, which are kept"
    )
    parser.add_argument("--height", type=int, nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--keyframe-every", type=int, default=250)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--ways", nargs="+", choices=readers, default=list(readers))
    parser.add_argument("--csv", type=Path, help="where to write the table")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    count = options.minutes * 60 * RATE
    numbers = sorted(np.random.default_rng(1).choice(count, options.frames, replace=False).tolist())
    tables = []
    for height in options.height:
        path = options.folder / f"{height}p-{options.minutes}min-g{options.keyframe_every}.mp4"
        if not path.exists():
            draw_video(path, SIZES[height], options.minutes * 60, options.keyframe_every)
        rows = [measure(readers[name], path, numbers, SIZES[height]) for name in options.ways]
        table = pd.DataFrame(rows)
        for column in ("seconds", "cpu_seconds"):
            table[f"{column}_ratio"] = table[column] / table[column][0]
        table.insert(0, "video", path.stem)
        table.insert(1, "frames", options.frames)
        tables.append(table)
    table = pd.concat(tables).round(3)
    print(f"{os.cpu_count()} cores, PyAV {av.__version__}; ratios to {options.ways[0]}")
    print(table.to_string(index=False))
    if options.csv:
        write_csv(options.csv, table)


if __name__ == "__main__":
    main()
