"""Seeded damage of video files: bytes, the elements of a container, and its packets."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av

from benchmarks.robustness.hostile_values import mutated

MP4_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"dinf")
# Segment, SeekHead, Info, Tracks, TrackEntry, Video, Cues, CuePoint, Cluster, BlockGroup
EBML_PARENTS = ("18538067", "114d9b74", "1549a966", "1654ae6b", "ae", "e0", "1c53bb6b", "bb",
                "1f43b675", "a0")  # fmt: skip
BOUNDARIES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


class Element(NamedTuple):
    """A box of MP4, an element of Matroska or a chunk of AVI: its place in the file."""

    begin: int
    size: slice
    content: int
    end: int


def damaged(data: bytes, path: Path, source: random.Random) -> tuple[bytes, str]:
    """A damaged copy of the video `data`, and what was done; `path` is where it may be written."""
    kind = source.choice(("bytes", "elements", "packets"))
    if kind == "bytes":
        return mutated(data, source.getrandbits(64)), kind
    if kind == "packets":
        action = source.choice(PACKETS)
        return _remuxed(data, path, action, source), f"packets: {action.__name__}"
    action = source.choice(ELEMENTS)
    for _ in range(source.choice((1, 1, 2))):
        if found := list(elements(data, path.suffix)):
            data = action(data, source.choice(found), source.choice(found), source)
    return data, f"elements: {action.__name__}"


def elements(data: bytes, suffix: str) -> Iterator[Element]:
    """Every element of a container, parents before their children."""
    reader = {".mp4": _boxes, ".mkv": _ebml, ".webm": _ebml, ".avi": _chunks}[suffix]
    return reader(data, 0, len(data))


def _boxes(data: bytes, begin: int, end: int) -> Iterator[Element]:
    while begin + 8 <= end:
        size = max(int.from_bytes(data[begin : begin + 4], "big"), 8)
        stop = min(begin + size, end)
        yield Element(begin, slice(begin, begin + 4), begin + 8, stop)
        if data[begin + 4 : begin + 8] in MP4_PARENTS:
            yield from _boxes(data, begin + 8, stop)
        begin = stop


def _chunks(data: bytes, begin: int, end: int) -> Iterator[Element]:
    while begin + 8 <= end:
        size = int.from_bytes(data[begin + 4 : begin + 8], "little")
        stop = min(begin + 8 + size + size % 2, end)
        yield Element(begin, slice(begin + 4, begin + 8), begin + 8, stop)
        if data[begin : begin + 4] in (b"RIFF", b"LIST"):
            yield from _chunks(data, begin + 12, stop)
        begin = stop


def _ebml(data: bytes, begin: int, end: int) -> Iterator[Element]:
    while begin + 2 <= end:
        place = begin + _length(data[begin])
        if place >= end:
            return
        content = place + _length(data[place])
        known = data[place:content]
        size = int.from_bytes(known, "big") & ((1 << 7 * len(known)) - 1)
        stop = min(content + size, end)
        yield Element(begin, slice(place, content), content, stop)
        if data[begin:place].hex() in EBML_PARENTS:
            yield from _ebml(data, content, stop)
        begin = stop


def _length(first: int) -> int:
    """The length of a number of Matroska, which its first byte tells."""
    return min(9 - first.bit_length(), 8)


def remove(data: bytes, one: Element, _: Element, source: random.Random) -> bytes:
    return data[: one.begin] + data[one.end :]


def repeat(data: bytes, one: Element, other: Element, source: random.Random) -> bytes:
    return data[: other.end] + data[one.begin : one.end] + data[other.end :]


def cut(data: bytes, one: Element, _: Element, source: random.Random) -> bytes:
    """Shorten the content, but not the size that is stated."""
    return data[: source.randint(one.content, max(one.content, one.end))] + data[one.end :]


def resize(data: bytes, one: Element, _: Element, source: random.Random) -> bytes:
    """State another size."""
    width = one.size.stop - one.size.start
    new = source.choice((*BOUNDARIES, one.end - one.begin + source.choice((-8, -1, 1, 8, 100))))
    changed = (new & ((1 << 8 * width) - 1)).to_bytes(width, source.choice(("big", "little")))
    return data[: one.size.start] + changed + data[one.size.stop :]


def blank(data: bytes, one: Element, _: Element, source: random.Random) -> bytes:
    return data[: one.content] + bytes(max(one.end - one.content, 0)) + data[one.end :]


def exchange(data: bytes, one: Element, other: Element, source: random.Random) -> bytes:
    first, second = sorted((one, other))
    if first.end > second.begin:
        return data  # one is inside of the other
    return (
        data[: first.begin]
        + data[second.begin : second.end]
        + data[first.end : second.begin]
        + data[first.begin : first.end]
        + data[second.end :]
    )


def set_field(data: bytes, one: Element, _: Element, source: random.Random) -> bytes:
    """Write a number that fields are not prepared for into the content."""
    if one.end - one.content < 4:
        return blank(data, one, one, source)
    place = source.randrange(one.content, min(one.end, one.content + 200) - 3)
    width, order = source.choice((1, 2, 4)), source.choice(("big", "little"))
    new = (source.choice(BOUNDARIES) & ((1 << 8 * width) - 1)).to_bytes(width, order)
    return data[:place] + new + data[place + width :]


def _remuxed(data: bytes, path: Path, action: Any, source: random.Random) -> bytes:
    """The video written again by FFmpeg with other packets: a valid container of damaged data."""
    path.write_bytes(data)
    target = path.with_stem("remuxed")
    try:
        with av.open(path) as old, av.open(target, "w") as new:
            stream = new.add_stream_from_template(old.streams.video[0])
            coded = [packet for packet in old.demux(video=0) if packet.size]
            for packet in action(coded, source):
                packet.stream = stream
                new.mux(packet)
        return target.read_bytes()
    except av.FFmpegError:  # times that cannot be written
        return mutated(data, source.getrandbits(64))
    finally:
        target.unlink(missing_ok=True)


def dropped(coded: list[Any], source: random.Random) -> list[Any]:
    first = source.randrange(len(coded))
    return coded[:first] + coded[first + source.choice((1, 1, 2, 5)) :]


def dropped_often(coded: list[Any], source: random.Random) -> list[Any]:
    return [packet for packet in coded if source.random() > 0.2] or coded[:1]


def damaged_data(coded: list[Any], source: random.Random) -> list[Any]:
    place = source.randrange(len(coded))
    data = mutated(bytes(coded[place]), source.getrandbits(64)) or b"\0"
    return [*coded[:place], _with_data(coded[place], data), *coded[place + 1 :]]


def shortened_data(coded: list[Any], source: random.Random) -> list[Any]:
    place = source.randrange(len(coded))
    data = bytes(coded[place])[: source.randrange(1, coded[place].size + 1)]
    return [*coded[:place], _with_data(coded[place], data), *coded[place + 1 :]]


def exchanged_data(coded: list[Any], source: random.Random) -> list[Any]:
    """The data of two packets in each other's place."""
    one, other = source.randrange(len(coded)), source.randrange(len(coded))
    new = list(coded)
    new[one] = _with_data(coded[one], bytes(coded[other]))
    new[other] = _with_data(coded[other], bytes(coded[one]))
    return new


def wrong_keyframe(coded: list[Any], source: random.Random) -> list[Any]:
    place = source.randrange(len(coded))
    coded[place].is_keyframe = not coded[place].is_keyframe
    return coded


def moved(coded: list[Any], source: random.Random) -> list[Any]:
    """One packet has another presentation time."""
    packet = source.choice(coded)
    if packet.pts is not None:
        packet.pts += source.choice((1, 7, 40, 1000)) * max(packet.duration or 1, 1)
    return coded


def _with_data(packet: Any, data: bytes) -> Any:
    new = av.Packet(data)
    new.pts, new.dts, new.time_base = packet.pts, packet.dts, packet.time_base
    new.duration, new.is_keyframe = packet.duration, packet.is_keyframe
    return new


ELEMENTS: tuple[Callable[[bytes, Element, Element, random.Random], bytes], ...] = (
    remove, repeat, cut, resize, blank, exchange, set_field, set_field
)  # fmt: skip
PACKETS: tuple[Callable[[list[Any], random.Random], list[Any]], ...] = (
    dropped,
    dropped_often,
    damaged_data,
    damaged_data,
    shortened_data,
    exchanged_data,
    wrong_keyframe,
    moved,
)
