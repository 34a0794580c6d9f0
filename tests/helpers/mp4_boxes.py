"""Edits boxes of MP4 files whose `moov` comes last, for tests of what cameras and editors write."""

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"}
Boxes = list[list[Any]]


def read_boxes(data: bytes) -> Boxes:
    """Each box as [type, content], where containers have a list as content."""
    boxes, place = [], 0
    while place + 8 <= len(data):
        size, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        content = data[place + 8 : place + size]
        boxes.append([kind, read_boxes(content) if kind in _CONTAINERS else content])
        place += size
    return boxes


def to_bytes(boxes: Boxes) -> bytes:
    result = b""
    for kind, content in boxes:
        data = to_bytes(content) if isinstance(content, list) else content
        result += (len(data) + 8).to_bytes(4, "big") + kind + data
    return result


def box(boxes: Boxes, *path: bytes) -> list[Any]:
    """The first box at `path`, as [type, content]."""
    found = next(one for one in boxes if one[0] == path[0])
    return found if len(path) == 1 else box(found[1], *path[1:])


def set_edits(path: Path, edits: Iterable[tuple[float, float]]) -> None:
    """Replace the edit list by parts of (duration, start in the media), in seconds."""
    boxes = read_boxes(path.read_bytes())
    track = box(boxes, b"moov", b"trak")[1]
    movie_scale = int.from_bytes(box(boxes, b"moov", b"mvhd")[1][12:16], "big")
    media_scale = int.from_bytes(box(track, b"mdia", b"mdhd")[1][12:16], "big")
    (first,) = struct.unpack(">i", box(track, b"edts", b"elst")[1][12:16])
    parts = [
        (round(length * movie_scale), first + round(start * media_scale)) for length, start in edits
    ]
    packed = [struct.pack(">IiI", *part, 1 << 16) for part in parts]
    box(track, b"edts", b"elst")[1] = struct.pack(">II", 0, len(parts)) + b"".join(packed)
    path.write_bytes(to_bytes(boxes))


def set_clean_aperture(path: Path, width: int, height: int, right: int = 0, down: int = 0) -> None:
    """Display only `width` × `height` pixels, with the centre moved `right` and `down`."""
    boxes = read_boxes(path.read_bytes())
    entries = box(boxes, b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", width, 1, height, 1, right, 1, down, 1)
    entry = entries[1][8:] + clap
    entries[1] = entries[1][:8] + len(entry).to_bytes(4, "big") + entry[4:]
    path.write_bytes(to_bytes(boxes))
