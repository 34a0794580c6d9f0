"""Damaged videos: every time gives an image or an error that names the file."""

from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.decoder_errors import as_sample_errors
from egoactgen_bench.video.packet_contents import inspector, without_information
from egoactgen_bench.video.video_reading import frames_at
from mutations import mutations
from numbered_videos import RATE, number_in, write_video

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
        ("vp9", b"\x84\0\0", False),  # not shown
        ("vp9", b"\x88\0\0", True),  # shows an earlier frame
        ("vp9", b"\x84\0\xc0", True),  # a superframe
        ("mpeg4", b"\0\0\1\xb6\x50\0", False),  # a VOP that is not coded
        ("mpeg4", b"\0\0\1\xb6" + bytes(20), True),
        ("mjpeg", b"\xff\xd8", True),
    ],
)
def test_hidden_pictures_of_other_codecs(codec: str, data: bytes, picture: bool) -> None:
    assert inspector(codec, b"", False)(data).picture == picture


def test_information_is_removed_from_packets() -> None:
    units = b"\0\0\1" + b"\x4e\x01\x80" + b"\0\0\1" + b"\x02\x01\x80"
    assert without_information("hevc", units, b"") == b"\0\0\1\x02\x01\x80"
    assert without_information("vp9", units, b"") == units


def test_an_image_is_returned_for_an_intact_video(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", range(3))
    ((_, found),) = frames_at(path, [0.0])
    assert isinstance(found, Image.Image)
