"""The clean aperture of an MP4 or MOV video: the part of its pictures that is displayed.

FFmpeg reads it, but PyAV does not pass it on.
"""

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

_ENTRY_SIZE = 86  # bytes of a visual sample entry before its boxes (ISO/IEC 14496-12, 12.1.3)
_LARGEST_ENTRY = 2**20


class Margins(NamedTuple):
    """The pixels at each side of a decoded picture that are not displayed."""

    left: int
    top: int
    right: int
    bottom: int


class _Box(NamedTuple):
    kind: bytes
    begin: int  # of its content
    end: int


def clean_aperture(path: Path, track_id: int) -> Margins | None:
    """The margins outside the `clap` box of a track; None without a valid one."""
    with path.open("rb") as stream:
        for track in _tracks(stream, path.stat().st_size):
            header = _first(stream, track, b"tkhd")
            if header is not None and _track_id(stream, header) == track_id:
                return _of_track(stream, track)
    return None


def _tracks(stream: BinaryIO, size: int) -> Iterator[_Box]:
    for movie in _boxes(stream, 0, size):
        if movie.kind == b"moov":
            yield from (
                box for box in _boxes(stream, movie.begin, movie.end) if box.kind == b"trak"
            )


def _boxes(stream: BinaryIO, begin: int, end: int) -> Iterator[_Box]:
    while begin + 8 <= end:
        stream.seek(begin)
        header = stream.read(16)
        size, content = int.from_bytes(header[:4], "big"), begin + 8
        if size == 1:
            size, content = int.from_bytes(header[8:16], "big"), begin + 16
        close = begin + size if size else end
        if not content <= close <= end:
            return
        yield _Box(header[4:8], content, close)
        begin = close


def _first(stream: BinaryIO, box: _Box, *path: bytes) -> _Box | None:
    for kind in path:
        inner = _boxes(stream, box.begin, box.end)
        found = next((child for child in inner if child.kind == kind), None)
        if found is None:
            return None
        box = found
    return box


def _track_id(stream: BinaryIO, header: _Box) -> int:
    stream.seek(header.begin)
    data = stream.read(24)
    place = 20 if data[:1] == b"\1" else 12  # after two times of 64 or 32 bits
    return int.from_bytes(data[place : place + 4], "big")


def _of_track(stream: BinaryIO, track: _Box) -> Margins | None:
    table = _first(stream, track, b"mdia", b"minf", b"stbl", b"stsd")
    if table is None:
        return None
    entry = next(_boxes(stream, table.begin + 8, table.end), None)
    if entry is None or entry.end - entry.begin > _LARGEST_ENTRY:
        return None
    box = _first(stream, _Box(b"", entry.begin + _ENTRY_SIZE - 8, entry.end), b"clap")
    if box is None or box.end - box.begin < 32:
        return None
    stream.seek(entry.begin + 24)
    width, height = struct.unpack(">HH", stream.read(4))
    stream.seek(box.begin)
    return _margins(width, height, struct.unpack(">IIIIiIiI", stream.read(32)))


def _margins(width: int, height: int, clap: tuple[int, ...]) -> Margins | None:
    """The box's rectangle (ISO/IEC 14496-12, 12.1.4), if it is inside the picture."""
    if not all(clap[1::2]):
        return None
    wide, high, x, y = (Fraction(*clap[place : place + 2]) for place in range(0, 8, 2))
    left, top = round((width - wide) / 2 + x), round((height - high) / 2 + y)
    right, bottom = width - round(wide) - left, height - round(high) - top
    margins = Margins(left, top, right, bottom)
    if min(margins) < 0 or wide < 1 or high < 1:
        return None
    return margins if any(margins) else None
