"""The cropping of a Matroska or WebM video: the part of its pictures that is displayed.

Players and FFmpeg from 7.1 on crop the decoded pictures, but PyAV does not pass the values on.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from egoactgen_bench.video.clean_aperture import Margins

# Names of elements (RFC 9559), with their length marker
SEGMENT, _TRACKS, _TRACK = 0x18538067, 0x1654AE6B, 0xAE
_TYPE, _CODEC, _VIDEO, _WIDTH, _HEIGHT = 0x83, 0x86, 0xE0, 0xB0, 0xBA
_CROPS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom
_VIDEO_TYPE = 1
_LARGEST = 2**24  # bytes of all tracks
_MOST_ELEMENTS = 100_000  # before the tracks

Fields = dict[int, bytes]


def pixel_crop(path: Path, number: int) -> Margins | None:
    """The margins of the video track `number`, from 0; None if nothing valid is to be cropped."""
    with path.open("rb") as stream:
        tracks = _tracks(stream, path.stat().st_size)
    videos = [
        fields
        for track in _elements(tracks, _TRACK)
        if _number(fields := _fields(track), _TYPE) == _VIDEO_TYPE and _CODEC in fields
    ]
    return _margins(_fields(videos[number].get(_VIDEO, b""))) if number < len(videos) else None


def _tracks(stream: BinaryIO, size: int) -> bytes:
    """The content of the first Tracks element; empty if none is found."""
    place = 0
    for _ in range(_MOST_ELEMENTS):
        if place >= size:
            break
        stream.seek(place)
        name, length, head = element_header(stream.read(12))
        content = place + head
        if name == SEGMENT:
            place = content  # its children follow
        elif name == _TRACKS and length is not None:
            stream.seek(content)
            return stream.read(min(length, _LARGEST))
        elif not head or length is None:  # damage, or a live recording without lengths
            break
        else:
            place = content + length
    return b""


def element_header(data: bytes) -> tuple[int, int | None, int]:
    """Name, length of the content (None: unknown) and bytes of an element's header; 0: damaged."""
    wide = _width(data[:1])
    long = _width(data[wide : wide + 1])
    if not 0 < wide <= 4 or not long or len(data) < wide + long:
        return 0, None, 0
    length = int.from_bytes(data[wide : wide + long], "big") & ((1 << 7 * long) - 1)
    unknown = length == (1 << 7 * long) - 1
    return int.from_bytes(data[:wide], "big"), None if unknown else length, wide + long


def _width(first: bytes) -> int:
    """Bytes of a number of variable length, from its first byte; 0 if it is invalid."""
    return 9 - first[0].bit_length() if first and first[0] else 0


def _children(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data):
        name, length, head = element_header(data[place : place + 12])
        if not head or length is None:
            return
        yield name, data[place + head : place + head + length]
        place += head + length


def _elements(data: bytes, wanted: int) -> Iterator[bytes]:
    return (content for name, content in _children(data) if name == wanted)


def _fields(data: bytes) -> Fields:
    return dict(_children(data))


def _number(fields: Fields, name: int) -> int:
    return int.from_bytes(fields.get(name, b""), "big")


def _margins(video: Fields) -> Margins | None:
    margins = Margins(*(_number(video, name) for name in _CROPS))
    inside = margins.left + margins.right < _number(video, _WIDTH)
    inside = inside and margins.top + margins.bottom < _number(video, _HEIGHT)
    return margins if inside and any(margins) else None
