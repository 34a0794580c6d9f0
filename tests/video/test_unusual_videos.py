"""Exact frames of what cameras, editors and old containers write."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.pixel_crop import pixel_crop
from egoactgen_bench.video.video_reading import frames_at
from matroska_crop import set_pixel_crop
from mp4_boxes import set_clean_aperture, set_edits
from mutations import mutations
from numbered_videos import HEIGHT, RATE, WIDTH, drawn, number_in, read_numbers, write_video

KEPT = [n for n in range(75) if n % 5 == 0 or n % 7 == 0]  # frames of a variable-rate video


def middle(numbers: Iterable[int]) -> list[float]:
    return [(number + 0.5) / RATE for number in numbers]


def is_exact_or_rejected(got: list[int | str], expected: list[int]) -> bool:
    pairs = zip(got, expected, strict=True)
    return all(number in (right, "undecodable") for number, right in pairs)


def remuxed(
    source: Path, target: Path, change: Callable[[int, Any], Iterable[Any]], **options: str
) -> Path:
    """The packets of `source` in another file, each replaced by those that `change` returns."""
    with av.open(source) as original, av.open(target, "w", options=options) as container:
        stream = container.add_stream_from_template(original.streams.video[0])
        for number, packet in enumerate(original.demux(video=0)):
            if packet.pts is not None:
                for new in change(number, packet):
                    new.stream = stream
                    container.mux(new)
    return target


def with_data(packet: Any, data: bytes, delay: int = 0) -> Any:
    new = av.Packet(data)
    new.pts, new.dts, new.time_base = packet.pts + delay, packet.dts, packet.time_base
    if delay:
        new.dts = new.pts
    new.is_keyframe = packet.is_keyframe and not delay
    return new


@pytest.mark.parametrize("bf", ["0", "2"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_stores_no_presentation_times(tmp_path: Path, codec: str, bf: str) -> None:
    options = {"g": "12", "bf": bf, "b": "4M"}
    path = write_video(tmp_path / "a.avi", codec=codec, options=options)
    assert read_numbers(path, middle(range(75))) == list(range(75))
    assert read_numbers(path, middle([40])) == [40]


def test_avi_with_dropped_frames(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", KEPT, options={"g": "12", "bf": "0"})
    expected = [KEPT.index(max(k for k in KEPT if k <= n)) for n in range(KEPT[-1] + 1)]
    assert read_numbers(path, middle(range(KEPT[-1] + 1))) == expected


def test_avi_with_b_frames_and_dropped_frames_is_exact_or_rejected(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", KEPT, options={"g": "12", "bf": "2"})
    expected = [KEPT.index(max(k for k in KEPT if k <= n)) for n in range(KEPT[-1] + 1)]
    got = read_numbers(path, middle(range(KEPT[-1] + 1)))
    assert is_exact_or_rejected(got, expected)
    assert got[:45] == expected[:45]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_damage_in_an_avi_with_b_frames_affects_what_follows(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "a.avi", codec=codec, options={"g": "12", "bf": "2", "b": "2M"})
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 900] = bytes(900)
    path.write_bytes(data)
    got = read_numbers(path, middle(range(75)))
    assert is_exact_or_rejected(got, list(range(75)))
    assert got[3] == 3
    assert got[70] == "undecodable"


def test_of_two_frames_with_one_time_the_later_is_on_screen(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", options={"g": "12", "bf": "0"})
    before = 0

    def move(number: int, packet: Any) -> Iterable[Any]:
        nonlocal before
        if number == 30:
            packet.pts = packet.dts = before
        before = packet.pts
        yield packet

    path = remuxed(source, tmp_path / "b.mkv", move)
    assert read_numbers(path, middle([28, 29, 30, 31])) == [28, 30, 30, 31]


SEI = b"\x06\x05\x12" + bytes(range(1, 19)) + b"\x80"  # user data of 18 bytes


def test_packets_without_a_picture_are_not_displayed(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", options={"g": "12", "bf": "0"})

    def add(number: int, packet: Any) -> Iterable[Any]:
        yield packet
        if number % 10 == 5:
            yield with_data(packet, len(SEI).to_bytes(4, "big") + SEI, delay=10)

    path = remuxed(source, tmp_path / "b.mkv", add)
    assert read_numbers(path, middle(range(75))) == list(range(75))


def test_a_slice_with_a_damaged_type_counts_as_a_picture(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mkv", options={"g": "12", "bf": "0"})

    def hide(number: int, packet: Any) -> Iterable[Any]:
        data = bytearray(packet)
        data[4] = 6 if number == 30 else data[4]
        yield with_data(packet, bytes(data))

    path = remuxed(source, tmp_path / "b.mkv", hide)
    assert read_numbers(path, middle([28, 30, 36])) == [28, "undecodable", 36]


def test_damaged_information_in_hevc_does_not_affect_frames(tmp_path: Path) -> None:
    options = {"g": "24", "x265-params": "bframes=0:scenecut=0:log-level=none"}
    source = write_video(tmp_path / "a.mkv", codec="libx265", options=options)
    # A prefix SEI unit that announces 630 bytes and has 40
    unit = b"\x4e\x01\xc3\xff\xff\x78" + bytes(range(1, 40)) + b"\x80"

    def add(number: int, packet: Any) -> Iterable[Any]:
        yield with_data(packet, len(unit).to_bytes(4, "big") + unit + bytes(packet))

    path = remuxed(source, tmp_path / "b.mkv", add)
    assert read_numbers(path, middle(range(0, 75, 6))) == list(range(0, 75, 6))


@pytest.mark.parametrize("default", [0, 1, None])
def test_the_default_stream_is_read_then_the_largest(tmp_path: Path, default: int | None) -> None:
    """Of a small and a large stream; Matroska's muxer marks both or the given one as default."""
    path = tmp_path / "a.mkv"
    options = {} if default is None else {"default_mode": "passthrough"}
    with av.open(path, "w", options=options) as container:
        streams = []
        for index, width in enumerate((WIDTH, 2 * WIDTH)):
            stream = container.add_stream("libx264", rate=RATE, options={"bf": "0"})
            stream.width, stream.height, stream.pix_fmt = width, HEIGHT, "yuv420p"
            stream.disposition = av.stream.Disposition.default if index == default else 0
            streams.append(stream)
        for number in range(10):
            for offset, stream in zip((0, 100), streams, strict=True):
                picture = drawn(number + offset)
                picture = np.concatenate([picture] * (stream.width // WIDTH), axis=1)
                frame = av.VideoFrame.from_ndarray(picture)
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    offset = 0 if default == 0 else 100
    assert read_numbers(path, middle(range(10))) == [offset + n for n in range(10)]


def test_the_clean_aperture_is_cut_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(4))
    ((_, whole),) = frames_at(path, [0.05])
    set_clean_aperture(path, 200, 60, right=10, down=4)
    ((_, image),) = frames_at(path, [0.05])
    assert not isinstance(image, SampleError)
    assert not isinstance(whole, SampleError)
    left, top = (WIDTH - 200) // 2 + 10, (HEIGHT - 60) // 2 + 4
    expected = whole.crop((left, top, left + 200, top + 60))
    assert np.array_equal(np.asarray(image), np.asarray(expected))


@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_the_cropping_of_matroska_is_cut_out(tmp_path: Path, name: str) -> None:
    codec = {"a.mkv": "libx264", "a.webm": "libvpx-vp9"}[name]
    path = write_video(tmp_path / name, range(4), codec=codec, options={})
    ((_, whole),) = frames_at(path, [0.05])
    assert not isinstance(whole, SampleError)
    set_pixel_crop(path, left=10, top=4, right=6, bottom=8)
    ((_, image),) = frames_at(path, [0.05])
    assert not isinstance(image, SampleError)
    expected = whole.crop((10, 4, WIDTH - 6, HEIGHT - 8))
    assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_the_cropping_is_that_of_the_displayed_track(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(path, "w") as container:
        streams = [container.add_stream("libx264", rate=RATE) for _ in range(2)]
        for index, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.disposition = av.stream.Disposition.default if index == 0 else 0
        for index, stream in enumerate(streams):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn(index))))
            container.mux(stream.encode())
    set_pixel_crop(path, left=10)  # of the second one
    ((_, image),) = frames_at(path, [0.0])
    assert not isinstance(image, SampleError)
    assert image.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("margins", [{"left": WIDTH}, {"top": 40, "bottom": HEIGHT - 40}])
def test_an_impossible_cropping_is_ignored(tmp_path: Path, margins: dict[str, int]) -> None:
    path = write_video(tmp_path / "a.mkv", range(4))
    set_pixel_crop(path, **margins)
    assert pixel_crop(path, 0) is None
    assert read_numbers(path, [0.05]) in ([1], ["undecodable"])  # FFmpeg 7.1 rejects the file


def test_damage_of_a_matroska_header_is_left_to_the_decoder(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", range(2))
    set_pixel_crop(path, left=10)
    assert pixel_crop(path, 0) == (10, 0, 0, 0)
    assert pixel_crop(path, 1) is None
    for damaged in mutations(path.read_bytes()[:1500], 60):
        path.write_bytes(damaged)
        pixel_crop(path, 0)


@pytest.mark.parametrize("size", [(400, 60), (0, 60)])
def test_an_impossible_clean_aperture_is_ignored(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", range(4))
    set_clean_aperture(path, *size)
    assert read_numbers(path, [0.05]) == [1]


@pytest.mark.parametrize("bf", ["0", "2"])
@pytest.mark.parametrize(
    "edits", [[(1.0, 10 / RATE), (1.0, 40 / RATE)], [(1.0, 40 / RATE), (1.0, 10 / RATE)]]
)
def test_edit_lists_of_two_parts(tmp_path: Path, bf: str, edits: list[tuple[float, float]]) -> None:
    path = write_video(tmp_path / "a.mp4", options={"g": "12", "bf": bf})
    set_edits(path, edits)
    expected = [round(start * RATE) + n for _, start in edits for n in range(30)]
    got = read_numbers(path, middle(range(60)))
    # FFmpeg's times after the cut may be inexact for reordered frames: these are rejected.
    assert is_exact_or_rejected(got, expected)
    assert got[:29] == expected[:29]
    if bf == "0":
        assert got == expected
    assert read_numbers(path, middle([45])) == [got[45]]


def test_a_video_that_begins_without_a_keyframe_keeps_its_times(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.avi", codec="mpeg4", options={"g": "12", "bf": "0"})
    path = remuxed(source, tmp_path / "b.avi", lambda n, packet: [packet] if n else [])
    assert read_numbers(path, middle([0, 11, 12, 13])) == ["undecodable", "undecodable", 12, 13]


def test_an_unknown_codec_and_an_empty_file_are_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(4))
    data = path.read_bytes()
    place = data.rindex(b"avc1")
    path.write_bytes(data[:place] + b"zzzz" + data[place + 4 :])
    ((_, found),) = frames_at(path, [0.0])
    assert isinstance(found, SampleError)
    assert (found.code, found.detail) == (
        "undecodable",
        "a.mp4: FFmpeg has no decoder for its codec",
    )
    path.write_bytes(b"")
    assert read_numbers(path, [0.0]) == ["undecodable"]
    path.unlink()
    path.mkdir()
    assert read_numbers(path, [0.0]) == ["undecodable"]


def test_a_program_stream_is_named(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mpg", range(40), codec="mpeg2video")
    ((_, found),) = frames_at(path, [0.5])
    assert isinstance(found, SampleError)
    assert found.code == "undecodable"
    assert found.detail.startswith("a.mpg is an MPEG program stream (.mpg, .vob)")
    # The same packets are read exactly from a container with times.
    whole = remuxed(path, tmp_path / "a.mkv", lambda _, packet: [packet])
    assert read_numbers(whole, middle([0, 17, 30])) == [0, 17, 30]


def test_a_colour_matrix_that_cannot_be_converted_is_rejected(tmp_path: Path) -> None:
    def mark(stream: Any) -> None:
        stream.codec_context.colorspace = 10  # BT.2020 with constant luminance

    path = write_video(tmp_path / "a.mp4", range(4), prepare=mark)
    ((_, found),) = frames_at(path, [0.0])
    assert isinstance(found, SampleError)
    assert found.code == "undecodable"
    assert found.detail.startswith("a.mp4: ")


def test_impossible_pixel_shapes_are_rejected(tmp_path: Path) -> None:
    def stretch(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(60000, 1)

    path = write_video(tmp_path / "a.mkv", range(4), codec="ffv1", prepare=stretch)
    ((_, found),) = frames_at(path, [0.0])
    assert isinstance(found, SampleError) or number_in(found) == 0
