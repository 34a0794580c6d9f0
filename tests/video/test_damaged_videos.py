"""Damaged videos: every time gives an image or an error that names the file."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.decoder_errors import as_sample_errors
from egoactgen_bench.video.lookahead import CLUSTER, Lookahead
from egoactgen_bench.video.packet_contents import inspector, without_information
from egoactgen_bench.video.video_reading import frames_at
from mutations import mutations
from numbered_videos import HEIGHT, RATE, WIDTH, number_in, read_numbers, write_video

FRAMES = 30
X264 = {"g": "10", "bf": "2"}
VIDEOS: dict[str, dict[str, Any]] = {
    "a.mp4": {"options": X264},
    "faststart.mp4": {"options": X264, "container_options": {"movflags": "faststart"}},
    "a.mkv": {"options": X264},
    "a.avi": {"options": X264},
    "hevc.mkv": {
        "codec": "libx265",
        "options": {"x265-params": "keyint=10:bframes=2:log-level=none"},
    },
    "mpeg4.avi": {"codec": "mpeg4", "options": {"g": "10", "bf": "2", "b": "2M"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "10", "deadline": "realtime", "b": "1M"}},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p", "options": {"bf": "0"}},
}


@pytest.mark.parametrize("name", VIDEOS)
def test_damage_gives_named_errors_and_no_exception(tmp_path: Path, name: str) -> None:
    data = write_video(tmp_path / name, range(FRAMES), **VIDEOS[name]).read_bytes()
    path = tmp_path / f"damaged{Path(name).suffix}"
    exact = 0
    for damaged in mutations(data, count=12, seed=name):
        path.write_bytes(damaged)
        results = list(frames_at(path, [(n + 0.5) / RATE for n in range(FRAMES)]))
        assert len(results) == FRAMES
        for number, (_, found) in enumerate(results):
            if isinstance(found, SampleError):
                assert found.code in ("undecodable", "after_end")
                assert path.name in found.detail
                assert " at 0x" not in found.detail
            else:
                exact += found.height == 96 and found.width == 256 and number_in(found) == number
    assert exact > 0


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ValueError("bad <_io.BytesIO object at 0x7efe0268d490>"), "a.mp4: bad …"),
        (av.InvalidDataError(1, "Invalid data"), "a.mp4: Invalid data"),
        (MemoryError(), "a.mp4: MemoryError"),
        (OSError(5, "Input/output error"), "a.mp4: Input/output error"),
    ],
)
def test_errors_of_decoders_are_named(error: Exception, detail: str) -> None:
    with pytest.raises(SampleError) as caught, as_sample_errors("a.mp4"):
        raise error
    assert (caught.value.code, caught.value.detail) == ("undecodable", detail)


def test_mistakes_in_our_own_code_are_not_hidden() -> None:
    with pytest.raises(KeyError), as_sample_errors("a.mp4"):
        raise KeyError("x")


SLICE, SEI, DELIMITER = b"\x41\x9a\x3b", b"\x06\x05\x01\x07\x80", b"\x09\xf0"


@pytest.mark.parametrize(
    ("units", "picture", "intact"),
    [
        ([SLICE], True, True),
        ([DELIMITER, SEI, SLICE], True, True),
        ([SEI], False, True),
        ([DELIMITER, SEI], False, True),
        ([b"\x06\x05\x09\x07\x80"], True, False),  # the message is longer than the unit
        ([b"\x67\x42\x00\x1e"], True, False),  # a parameter set that the header does not have
        ([], True, False),
    ],
)
@pytest.mark.parametrize("prefixed", [True, False])
def test_packets_without_a_picture(
    units: list[bytes], picture: bool, intact: bool, prefixed: bool
) -> None:
    mark = "big" if prefixed else None
    data = b"".join((len(unit).to_bytes(4, mark) if mark else b"\0\0\1") + unit for unit in units)
    extradata = b"\1\x64\0\x1f\xff\xe1\0" if prefixed else b""
    contents = inspector("h264", extradata, True)(data)
    assert (contents.picture, contents.intact) == (picture, intact)
    assert contents.empty == (not picture)


@pytest.mark.parametrize(
    ("codec", "data", "picture"),
    [
        ("vp8", b"\x10\0\0", True),
        ("vp8", b"\x01\0\0", False),
        ("vp9", b"\x82\0\0", True),  # a keyframe that is shown
        ("vp9", b"\x88\0\0", True),  # shows an earlier frame
        ("vp9", b"\x84\0\xc0", True),  # a superframe
        ("mpeg4", b"\0\0\1\xb6\x50\0", False),  # a VOP that is not coded
        ("mpeg4", b"\0\0\1\xb6" + bytes(20), True),
        ("mjpeg", b"\xff\xd8", True),
    ],
)
def test_hidden_pictures_of_other_codecs(codec: str, data: bytes, picture: bool) -> None:
    assert inspector(codec, b"", False)(data).picture == picture


@pytest.mark.parametrize(
    ("data", "intact"),
    [
        (b"\x86\0" + bytes(20), True),
        (b"\x88", True),  # shows an earlier frame
        (b"\x88\0" + bytes(20), False),  # the same with a frame behind it
        (b"\x84\0" + bytes(20), False),  # not shown, outside of a superframe
        (b"\x84\0" + bytes(20) + b"\xc0", True),
    ],
)
def test_vp9_headers_that_would_hide_a_frame_are_damage(data: bytes, intact: bool) -> None:
    contents = inspector("vp9", b"", False)(data)
    assert (contents.picture, contents.intact) == (True, intact)


def test_zeros_behind_a_start_code_are_not_taken_for_a_packet_without_a_picture() -> None:
    contents = inspector("h264", b"", True)(b"\0\0\0\1" + bytes(30))
    assert (contents.picture, contents.intact) == (True, False)


def test_times_count_from_a_damaged_first_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(FRAMES), options=X264)
    data = bytearray(path.read_bytes())
    place = data.index(b"\x65\x88")  # the first IDR slice
    data[place : place + 2] = b"\x01\xff"
    path.write_bytes(data)
    got = read_numbers(path, [(n + 0.5) / RATE for n in range(FRAMES)])
    assert got == ["undecodable"] * 10 + list(range(10, FRAMES))


def test_a_first_frame_with_a_later_time_is_rejected(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.webm", range(FRAMES), **VIDEOS["vp9.webm"])
    with av.open(source) as old, av.open(tmp_path / "b.webm", "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size:
                packet.stream = stream
                packet.pts += 0 if number else 230  # milliseconds
                new.mux(packet)
    assert set(read_numbers(tmp_path / "b.webm", [0.0, 0.5])) == {"undecodable"}


def test_a_repeated_cluster_at_the_beginning_is_rejected(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.webm", range(FRAMES), **VIDEOS["vp9.webm"])
    data, mark = path.read_bytes(), bytes.fromhex("1f43b675")
    parts = data.split(mark)
    last = parts[-1].partition(bytes.fromhex("1c53bb6b"))[0]  # without the index
    path.write_bytes(mark.join([parts[0], last, *parts[1:]]))
    assert set(read_numbers(path, [0.0, 0.5])) == {"undecodable"}


def test_frames_after_a_cluster_with_a_wrong_time_are_not_replaced(tmp_path: Path) -> None:
    options = VIDEOS["vp9.webm"] | {"container_options": {"cluster_time_limit": "300"}}
    path = write_video(tmp_path / "a.webm", range(FRAMES), **options)
    data = path.read_bytes().replace(bytes.fromhex("1c53bb6b"), bytes(4))  # no index
    before = bytes.fromhex("e782014d")  # the time of the cluster from frame 10 on: 333 ms
    assert data.count(before) == 1
    path.write_bytes(data.replace(before, bytes.fromhex("e78203e8")))  # 1000 ms
    got = read_numbers(path, [(n + 0.5) / RATE for n in range(FRAMES)])
    assert got == [*range(6), *["undecodable"] * 24]
    assert read_numbers(path, [15.5 / RATE]) == ["undecodable"]


@pytest.mark.parametrize("clustered", [False, True])
def test_more_packets_are_read_ahead_after_a_gap(clustered: bool) -> None:
    ahead = Lookahead(0, 1000.0, clustered)
    found = list[int]()
    for time in (33, 67, 1000, *range(1033, 10000, 33)):
        ahead.add(time)
        found.append(ahead.lowest)
    assert found[:6] == [0, 0, 0, 0, 0, 0] if clustered else [0, 0, 0, 33, 67, 1000]
    assert found.index(1000) == (CLUSTER + 1 if clustered else 5)


@pytest.mark.parametrize("height", [65535, 5])
def test_absurd_pixel_shapes_are_rejected(tmp_path: Path, height: int) -> None:
    path = with_coded_height(tmp_path / "a.mp4", height)
    ((_, found),) = frames_at(path, [0.0])
    assert isinstance(found, SampleError)
    assert (found.code, found.detail) == (
        "undecodable",
        f"a.mp4: its pixels have the shape {Fraction(height, HEIGHT)}",
    )


def test_the_longest_pixels_are_scaled_to_square(tmp_path: Path) -> None:
    path = with_coded_height(tmp_path / "a.mp4", 16 * HEIGHT)
    ((_, found),) = frames_at(path, [0.0])
    assert isinstance(found, Image.Image)
    assert found.size == (16 * WIDTH, HEIGHT)


def with_coded_height(path: Path, height: int) -> Path:
    """A video whose sample entry states another height than the header of its track."""
    data = write_video(path, range(1)).read_bytes()
    resolution = bytes.fromhex("00480000")  # 72 pixels per inch, after width and height
    before, after = (
        WIDTH.to_bytes(2, "big") + each.to_bytes(2, "big") + resolution for each in (HEIGHT, height)
    )
    assert data.count(before) == 1
    path.write_bytes(data.replace(before, after))
    return path


def test_frames_lost_without_an_error_in_an_avi_are_not_replaced(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", range(FRAMES), **VIDEOS["mpeg4.avi"])
    with av.open(path) as container:
        frame = bytes([*container.demux(video=0)][14])
    data = bytearray(path.read_bytes())
    data[data.index(frame) + 4] = 0xEC  # of a type that the decoder skips
    path.write_bytes(data)
    got = read_numbers(path, [(n + 0.5) / RATE for n in range(FRAMES)])
    assert all(number in (n, "undecodable") for n, number in enumerate(got))
    assert got[:7] == list(range(7))


def test_frames_of_an_avi_whose_index_is_wrong_are_counted_from_the_beginning(
    tmp_path: Path,
) -> None:
    path = write_video(tmp_path / "a.avi", range(FRAMES), **VIDEOS["mjpeg.avi"])
    data = path.read_bytes()
    chunk = data.index(b"00dc", data.index(b"movi"))
    length = int.from_bytes(data[chunk + 4 : chunk + 8], "little")
    padding = b"JUNK" + (length + 1000).to_bytes(4, "little") + bytes(length + 1000)
    path.write_bytes(data[:chunk] + padding + data[chunk:])
    for number in (4, 15, 24):
        assert read_numbers(path, [(number + 0.5) / RATE]) == [number]


def test_information_is_removed_from_packets() -> None:
    units = b"\0\0\1" + b"\x4e\x01\x80" + b"\0\0\1" + b"\x02\x01\x80"
    assert without_information("hevc", units, b"") == b"\0\0\1\x02\x01\x80"
    assert without_information("vp9", units, b"") == units


def test_an_image_is_returned_for_an_intact_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(3))
    ((_, found),) = frames_at(path, [0.0])
    assert isinstance(found, Image.Image)
