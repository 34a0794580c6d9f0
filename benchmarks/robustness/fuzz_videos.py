"""Damage small numbered videos and read their frames, many times.

    python -m benchmarks.robustness.fuzz_videos --cases 10000 \\
        --csv results/measured/fuzz-videos.csv

MP4, Matroska, AVI and WebM files with H.264, HEVC, MPEG-4, VP9 and MJPEG are damaged by
`video_damage`: bytes, elements of the container (cut, resized, repeated, exchanged), and packets
(dropped, exchanged, damaged) in a container that is otherwise valid. Each requested time must give:

- the undamaged picture of its frame ("read"), or
- a `SampleError` with a documented code, whose detail names the file ("errors"), or
- another frame of the video, if the damaged file states it at this time, or leaves open which one
  is meant ("moved"): no reader can know that its times were others, or
- another picture, if the frame's own packet, one that it is predicted from, or the file's
  description of its pictures was changed ("altered"): bytes that are valid for the decoder.

A case counts as the worst of its frames. Undocumented are all other pictures: neighbours of a
damaged frame in its place, and altered pictures of undamaged packets; and exceptions, hangs and
missing answers. `--seed` and `--first` repeat a case: each is drawn from its number alone.
"""

import random
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.robustness.fuzz_cases import Case, Hang, command_line, description, limited
from benchmarks.robustness.video_damage import damaged
from benchmarks.robustness.video_oracle import FRAMES, TIMES, Original, judge, read_coding
from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.video_reading import Found, frames_at
from numbered_videos import write_video  # in tests/helpers, which hostile_values makes importable

OUTCOMES = ("read", "errors", "moved", "altered")
GROUP = "video"
CODES = ("undecodable", "after_end")
X264 = {"g": "10", "bf": "2"}
VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": {"options": X264},
    "h264-faststart.mp4": {"options": X264, "container_options": {"movflags": "faststart"}},
    "h264-fragments.mp4": {"options": X264,
                           "container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "h264.mkv": {"options": X264},
    "h264.avi": {"options": X264},
    "hevc.mp4": {"codec": "libx265",
                 "options": {"x265-params": "keyint=10:bframes=2:log-level=none"}},
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "10", "bf": "2", "b": "2M"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "10", "deadline": "realtime", "b": "1M"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p", "options": {"bf": "0"}},
}  # fmt: skip


def write_originals(folder: Path) -> list[Original]:
    return [
        Original(write_video(folder / name, range(FRAMES), **options))
        for name, options in VIDEOS.items()
    ]


def fuzz(originals: list[Original], numbers: Iterable[int], seed: int = 0) -> Iterator[Case]:
    """One case for each number."""
    with tempfile.TemporaryDirectory(prefix="fuzz-videos-") as scratch:
        for number in numbers:
            source = random.Random(f"{seed} {number}")
            original = source.choice(originals)
            path = Path(scratch) / f"damaged{original.path.suffix}"
            data, what = damaged(original.data, path, source)
            path.write_bytes(data)
            outcome, fault = _read(original, path, source)
            yield Case(number, original.path.name, what, outcome, fault)


def _read(original: Original, path: Path, source: random.Random) -> tuple[str, str]:
    """The outcome of reading all frames, or a few, in one or two threads."""
    count = source.choice((FRAMES, FRAMES, 3))
    wanted = sorted(source.sample(range(FRAMES), count))
    threads = source.choice((1, 1, 2))
    try:
        with limited():
            found = list(frames_at(path, [TIMES[number] for number in wanted], threads))
    except (Exception, Hang) as error:  # noqa: BLE001  whatever leaves the reader is a fault
        return "", description(error)
    if [time for time, _ in found] != [TIMES[number] for number in wanted]:
        return "", f"{len(found)} answers to {count} times"
    return _worst(original, path, dict(zip(wanted, [each for _, each in found], strict=True)))


def _worst(original: Original, path: Path, found: dict[int, Found]) -> tuple[str, str]:
    outcomes, coding = {"read"}, None
    for number, answer in found.items():
        if isinstance(answer, SampleError):
            if answer.code not in CODES or path.name not in answer.detail:
                return "", f"frame {number}: {answer!r}"
            outcomes.add("errors")
            continue
        coding = coding or read_coding(path)
        outcome, fault = judge(original, coding, number, answer)
        if fault:
            return "", fault
        outcomes.add(outcome)
    return max(OUTCOMES, key=lambda each: OUTCOMES.index(each) if each in outcomes else -1), ""


def _draw(numbers: Iterable[int], seed: int) -> Iterator[Case]:
    with tempfile.TemporaryDirectory(prefix="fuzz-videos-") as folder:
        yield from fuzz(write_originals(Path(folder)), numbers, seed)


if __name__ == "__main__":
    command_line(__doc__ or "", _draw, GROUP, OUTCOMES)
