"""Adds cropping to Matroska files that PyAV wrote, for tests of what editors write."""

from pathlib import Path

_CROPS = {"left": b"\x54\xcc", "top": b"\x54\xbb", "right": b"\x54\xdd", "bottom": b"\x54\xaa"}


def set_pixel_crop(path: Path, **margins: int) -> None:
    """Crop the last video track by `left`, `top`, `right` and `bottom` pixels.

    The bytes come from the padding before the tracks, so that all later offsets stay right.
    """
    data = bytearray(path.read_bytes())
    added = b"".join(_CROPS[side] + b"\x82" + n.to_bytes(2, "big") for side, n in margins.items())
    padding = data.index(b"\xec\x01\0\0\0\0\0")
    tracks = data.index(b"\x16\x54\xae\x6b", padding)
    track = data.rindex(b"\xae\x01\0\0\0\0\0", tracks, data.index(b"\x1f\x43\xb6\x75"))
    video = data.index(b"\xe0", data.index(b"\x86", track))
    end = tracks + (5 if data[tracks + 4] >> 7 else 6)  # of a length of one byte, or two
    assert data[video + 1] >> 7 == 1
    data[video + 1] += len(added)
    data[track + 1 : track + 9] = _plus(data[track + 1 : track + 9], len(added))
    data[tracks + 4 : end] = _plus(data[tracks + 4 : end], len(added))
    data[video + 2 : video + 2] = added
    data[padding + 1 : padding + 9] = _plus(data[padding + 1 : padding + 9], -len(added))
    del data[padding + 9 : padding + 9 + len(added)]
    path.write_bytes(data)


def _plus(number: bytearray, more: int) -> bytes:
    return (int.from_bytes(number, "big") + more).to_bytes(len(number), "big")
