"""Whether a video file lacks its end, by the length that its container declares.

MP4 needs no such check: without its index it cannot be opened, and its index lists all frames.
"""

from pathlib import Path

from egoactgen_bench.video.pixel_crop import SEGMENT, element_header

_RIFF = b"RIFF"  # AVI
_UNKNOWN = (0, 2**32 - 1)  # lengths that a recorder left open
_EBML = 0x1A45DFA3  # Matroska, WebM


def is_cut(path: Path) -> bool:
    """Whether an AVI, Matroska or WebM file is shorter than it declares."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(12)
        if start[:4] == _RIFF:
            length = int.from_bytes(start[4:8], "little")
            return length not in _UNKNOWN and 8 + length > size
        name, content, head = element_header(start)
        if name != _EBML or content is None:
            return False
        begin = head + content
        stream.seek(begin)
        name, content, head = element_header(stream.read(12))
    return name == SEGMENT and content is not None and begin + head + content > size
