"""Exact frames, read from videos with a number drawn into each frame."""

import hashlib
import json
import random
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.video.video_reading import VideoReader, frames_at
from numbered_videos import HEIGHT, RATE, WIDTH, number_in, packets, read_numbers, write_video

ONE_GOP = {"g": "1000", "keyint_min": "1000", "sc_threshold": "0"}
OPEN_GOP = {"g": "24", "bf": "3", "x264-params": "open-gop=1:scenecut=0:b-pyramid=normal"}
HEVC_OPEN = {"g": "24", "x265-params": "open-gop=1:bframes=3:scenecut=0:log-level=none"}
HEVC_CLOSED = {"g": "24", "x265-params": "open-gop=0:bframes=3:scenecut=0:log-level=none"}


VIDEOS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264_one_keyframe.mp4": {"options": ONE_GOP | {"bf": "3"}},
    "h264_open_gop.mp4": {"options": OPEN_GOP},
    "h264_open_gop.mkv": {"options": OPEN_GOP},
    "h264_open_gop.ts": {"options": OPEN_GOP},
    "h264_intra_refresh.mp4": {"options": {"g": "20", "x264-params": "intra-refresh=1"}},
    "h264_intra.mp4": {"options": {"g": "1"}},
    "h264_fragmented.mp4": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "h264_422_10bit.mp4": {"pixels": "yuv422p10le"},
    "h264_10bit.mp4": {"pixels": "yuv420p10le"},
    "h264_422.mp4": {"pixels": "yuv422p"},
    "hevc_open_gop.mp4": {"codec": "libx265", "options": HEVC_OPEN},
    "hevc_10bit.mp4": {"codec": "libx265", "options": HEVC_CLOSED, "pixels": "yuv420p10le"},
    "mpeg2.ts": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2", "b": "4M"}},
    "mpeg4.mp4": {"codec": "mpeg4", "options": {"g": "12", "bf": "2", "b": "4M"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "24", "deadline": "realtime", "b": "2M"}},
    "late_start.mp4": {"ticks": range(90, 165)},
    "late_start.mkv": {"ticks": range(90, 165)},
}


@pytest.fixture(scope="module", params=VIDEOS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 75 frames at 30 frames per second; frame n shows the number n."""
    return write_video(tmp_path_factory.mktemp("videos") / request.param, **VIDEOS[request.param])


def test_every_frame_is_found_by_its_time(video: Path) -> None:
    times = [n / RATE + part for n in range(75) for part in (0, 0.9 / RATE)]
    assert read_numbers(video, times) == [n for n in range(75) for _ in range(2)]


def test_a_frame_does_not_depend_on_other_requested_times(video: Path) -> None:
    for number in random.Random(video.name).sample(range(75), 5):
        assert read_numbers(video, [number / RATE]) == [number]


def test_before_the_start_and_after_the_end(video: Path) -> None:
    times = [-0.5, -0.0005, 74.9 / RATE, 75 / RATE + 0.001, 9.0]
    assert read_numbers(video, times) == ["before_start", 0, 74, "after_end", "after_end"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_variable_frame_rate(tmp_path: Path, name: str) -> None:
    steps = np.random.default_rng(2).integers(3, 400, 60)
    ticks = [0, *np.cumsum(steps).tolist()]
    path = write_video(tmp_path / name, ticks, time_base=Fraction(1, 1000))
    expected = {tick / 1000 + part: n for n, tick in enumerate(ticks) for part in (0, 0.0015)}
    assert read_numbers(path, list(expected)) == list(expected.values())
    assert read_numbers(path, [ticks[9] / 1000 - 0.0009, ticks[9] / 1000 - 0.0015]) == [8, 9]


@pytest.mark.parametrize("hidden", [1, 10, 30])
def test_frames_hidden_by_an_edit_list_are_skipped(tmp_path: Path, hidden: int) -> None:
    path = write_video(tmp_path / "a.mp4", range(-hidden, 75 - hidden), options=OPEN_GOP)
    with av.open(path) as container:
        assert any(packet.is_discard for packet in container.demux(video=0))
    times = [n / RATE for n in range(75 - hidden)]
    assert read_numbers(path, times) == list(range(hidden, 75))


def test_times_are_distinct_and_ascending(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(10))
    assert [time for time, _ in frames_at(path, [0.2, 0.1, 0.2])] == [0.1, 0.2]
    assert list(frames_at(path, [])) == []


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_and_flips_are_applied(tmp_path: Path, degrees: int, flip: bool) -> None:
    def turn(stream: Any) -> None:
        stream.set_display_rotation(degrees, hflip=flip)

    path = write_video(tmp_path / "a.mp4", range(2), prepare=turn)
    plain = write_video(tmp_path / "b.mp4", range(2))
    ((_, image),) = frames_at(path, [0])
    ((_, expected),) = frames_at(plain, [0])
    expected = expected.rotate(degrees, expand=True)  # counter-clockwise, as FFmpeg counts
    expected = expected.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else expected
    assert image.size == expected.size
    assert image.tobytes() == expected.tobytes()


def test_non_square_pixels_are_scaled_to_square(tmp_path: Path) -> None:
    def stretch(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    path = write_video(tmp_path / "a.mp4", range(2), prepare=stretch)
    ((_, image),) = frames_at(path, [0])
    assert image.size == (round(WIDTH * 4 / 3), HEIGHT)


TAGS = {
    "untagged": (2, 0),
    "bt709": (1, 1),
    "bt709_full": (1, 2),
    "bt601": (6, 1),
    "bt2020": (9, 1),
}


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv420p10le"])
@pytest.mark.parametrize("tag", TAGS)
def test_colours_match_ffmpeg(tmp_path: Path, tag: str, pixels: str) -> None:
    if not shutil.which("ffmpeg"):
        pytest.skip("the ffmpeg program is not installed")

    def mark(stream: Any) -> None:
        stream.codec_context.colorspace, stream.codec_context.color_range = TAGS[tag]

    path = write_video(tmp_path / "a.mp4", range(3), pixels=pixels, prepare=mark)
    command = ["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-f", "rawvideo"]
    raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], check=True, capture_output=True)
    expected = np.frombuffer(raw.stdout, dtype=np.uint8).reshape(HEIGHT, WIDTH, 3)
    ((_, image),) = frames_at(path, [0])
    assert np.abs(np.asarray(image).astype(int) - expected).max() <= 1


def damage(path: Path, begin: int, data: bytes) -> Path:
    content = bytearray(path.read_bytes())
    content[begin : begin + len(data)] = data
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("fill", ["zeros", "noise"])
@pytest.mark.parametrize("trial", range(8))
def test_damaged_frames_are_reported_and_never_replaced(
    tmp_path: Path, fill: str, trial: int
) -> None:
    path = write_video(tmp_path / "a.mp4", options={"g": "15", "bf": "2", "crf": "12"})
    source = random.Random(trial)
    coded = packets(path)
    first = source.randrange(20, 50)
    begin = coded[first][0] + source.randrange(coded[first][1])
    length = source.choice([40, 400, 4000])
    damage(path, begin, bytes(length) if fill == "zeros" else source.randbytes(length))
    got = read_numbers(path, [n / RATE for n in range(75)])
    touched = {n for pos, size, n in coded if pos < begin + length and begin < pos + size}
    assert all(number in (n, "undecodable") for n, number in enumerate(got))
    assert all(got[n] == "undecodable" for n in touched)
    assert got[: 15 * (min(touched) // 15)] == list(range(15 * (min(touched) // 15)))
    following = 15 * (max(touched) // 15 + 1)
    assert got[following:] == list(range(following, 75))


def test_the_complete_frames_of_a_truncated_video_are_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", container_options={"movflags": "faststart"})
    coded = packets(path)
    position, size, _ = coded[40]
    path.write_bytes(path.read_bytes()[: position + size // 2])
    complete = {n for _, _, n in coded[:40]}
    times = [n / RATE for n in range(75)]
    got = read_numbers(path, [*times, 75 / RATE])
    assert got == [n if n in complete else "undecodable" for n in range(75)] + ["after_end"]


def test_a_truncated_video_without_index_cannot_be_opened(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-4000])
    assert read_numbers(path, [0.0, 1.0]) == ["undecodable", "undecodable"]


def test_only_the_needed_part_of_the_file_is_read(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(200), codec="rawvideo")
    with VideoReader(path) as reader:
        ((_, image),) = reader.frames_at([3.0])
        assert number_in(image) == 90
        assert 0 < reader.bytes_read < path.stat().st_size / 4


def test_a_real_clip_gives_the_reference_frames(shared: Path) -> None:
    clip = next((shared / "data" / "ego4d").glob("*.mp4"))
    files = json.loads((shared / "golden" / "frames" / "frames.json").read_text())["files"]
    numbers = (0, 15, 30, 45, 59)
    found = frames_at(clip, [number / 30 for number in numbers])
    for number, (time, image) in zip(numbers, found, strict=True):
        assert time == number / 30
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        assert digest == files[f"frame_{number:03d}_384x288.png"]["sha256_rgb"]


@pytest.mark.parametrize(("content", "code"), [(None, "missing_video"), (b"x", "undecodable")])
def test_unreadable_videos_give_errors(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    assert read_numbers(path, [1.0, 0.5, 1.0]) == [code, code]


def test_threads_give_the_same_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", options={"g": "5", "bf": "2"})
    times = [-1.0, *(n / RATE for n in range(0, 80, 10))]
    one, four = (list(frames_at(path, times, threads)) for threads in (1, 4))
    assert [time for time, _ in four] == times
    assert [getattr(f, "code", None) or f.tobytes() for _, f in one] == [
        getattr(f, "code", None) or f.tobytes() for _, f in four
    ]
