"""Finds JPEG files whose data end before the last pixel, for which libjpeg invents the rest.

Pillow reports a file without an end, but not one whose end marker comes too early, for which
libjpeg issues a warning that Pillow ignores.
"""

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageChops, JpegImagePlugin

_MARKER = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_AFTER_SCAN = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
# Where data end, libjpeg continues with zeros: bits that begin with 1 give another image.
_FILLING = b"\xa5\x5a\x96\x69\xc3\x3c" * 8
_SCAN, _END = 0xDA, 0xD9
_WITHOUT_BODY = (0x01, *range(0xD0, 0xD9))
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_FIRST_ARITHMETIC = 0xC9


@dataclass(frozen=True, slots=True)
class _Segment:
    """A marker, its parameters, and the compressed data after them, from `start` to `end`."""

    marker: int
    body: bytes
    start: int
    end: int


def missing_part(image: Image.Image, data: bytes) -> str | None:
    """What the first image of `data` lacks, which Pillow decoded as `image`; None if complete."""
    segments = list(_segments(data))
    if segments[-1].marker != _END:
        return "its end marker is missing"
    frame = next(each for each in segments if each.marker in _FRAMES)
    if _lacks_scans(frame, segments):
        return "some of its scans are missing"
    if frame.marker >= _FIRST_ARITHMETIC:  # zeros at the end of the data may be left out
        return None
    # Complete data give the same image whatever follows them.
    again = JpegImagePlugin.JpegImageFile(io.BytesIO(_filled(data, segments)))
    again.load()
    differs = ImageChops.difference(image, again).getbbox(alpha_only=False)
    return "its compressed data end too early" if differs else None


def _segments(data: bytes) -> Iterator[_Segment]:
    """Those of the first image, up to its end marker."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        body = b""
        if marker not in (*_WITHOUT_BODY, _END):
            (length,) = struct.unpack_from(">H", data, at)
            body, at = data[at + 2 : at + length], at + length
        start = at
        if marker == _SCAN:
            following = _AFTER_SCAN.search(data, at)
            at = following.start() if following else len(data)
        yield _Segment(marker, body, start, at)
        if marker == _END:
            return


def _lacks_scans(frame: _Segment, segments: list[_Segment]) -> bool:
    """Whether a coefficient of a component is in no scan, or not in full precision."""
    # By component, the number of low bits that are missing of each coefficient.
    missing = {frame.body[at]: [99] * 64 for at in range(6, len(frame.body), 3)}
    for scan in segments:
        if scan.marker == _SCAN:
            first, last, precision = scan.body[-3:]
            if frame.marker not in _PROGRESSIVE:
                first, last, precision = 0, 63, 0
            for component in scan.body[1:-3:2]:
                bits = missing.setdefault(component, [0] * 64)
                bits[first : last + 1] = [precision & 15] * (last + 1 - first)
    return any(map(any, missing.values()))


def _filled(data: bytes, segments: list[_Segment]) -> bytes:
    """The first image, with `_FILLING` after the data of each scan and restart interval."""
    parts, at = [], 0
    for scan in segments:
        if scan.marker == _SCAN:
            compressed = data[scan.start : scan.end]
            compressed = _RESTART.sub(lambda found: _FILLING + found[0], compressed)
            parts += [data[at : scan.start], compressed, _FILLING]
            at = scan.end
    return b"".join([*parts, data[at : segments[-1].end]])
