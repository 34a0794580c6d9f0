"""Coded frames of a video: their packets, times and detectable damage."""

import bisect
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import av
from av.video.stream import VideoStream as CodedStream

from egoactgen_bench.video.packet_contents import Contents

Packet: TypeAlias = "av.Packet[CodedStream]"


class Coded(NamedTuple):
    """A packet, its times in ticks and its contents; no later packet has a pts below this dts.

    `displayed`: its picture is displayed. `timed`: its times are known; if not, `pts` is a bound or
    contradicts those of earlier packets.
    """

    packet: Packet
    pts: int
    dts: int
    duration: int
    contents: Contents
    displayed: bool
    timed: bool

    @property
    def lacks_pts(self) -> bool:
        return self.packet.pts is None and self.packet.dts is not None

    @property
    def is_keyframe(self) -> bool:
        return self.packet.is_keyframe and self.contents.picture


class Shown(NamedTuple):
    """A coded frame and the interval of ticks in which it is on screen: [coded.pts, until).

    The interval is empty for a packet whose picture is not displayed.
    """

    coded: Coded
    until: int
    damaged: bool


def with_damage(stream: Iterator[Coded]) -> Iterator[tuple[Coded, bool]]:
    """Each packet, and whether its bytes are corrupt or may be, next to a corrupt header.

    Damage inside a slice's data must be detected by the decoder, which may miss it; but damage
    that spans two packets is visible in the header of the second.
    """
    previous, broken = None, False
    for coded in stream:
        contents, cut = coded.contents, coded.packet.is_corrupt
        if previous is not None:
            yield previous, broken or (not contents.starts_intact and not cut)
        previous, broken = coded, cut or not contents.intact
    if previous is not None:
        yield previous, broken


def successor(ordered: list[int], value: int) -> int | None:
    """The smallest element above `value`."""
    position = bisect.bisect_right(ordered, value)
    return ordered[position] if position < len(ordered) else None
