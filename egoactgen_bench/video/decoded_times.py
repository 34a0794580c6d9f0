"""Presentation times of videos whose container stores none and whose frames are reordered."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import av
from av.video.stream import VideoStream as CodedStream

from egoactgen_bench.errors import SampleError

MOST_HELD = 20  # packets; decoders reorder at most 16 frames
SHORTEST_PICTURE = 8  # bytes; a packet that repeats the frame before it is shorter
Packet: TypeAlias = "av.Packet[CodedStream]"


class _Order(NamedTuple):
    """The dts of a packet, as an object of its own: PyAV finds it by its address."""

    dts: int


class DecodedTimes(NamedTuple):
    """`begins`: presentation time by the dts of the packet.

    Times from `unknown_from` on are not known exactly, nor those of packets with a dts from
    `undecoded_from` on that have none; both are None if everything is known.
    """

    begins: dict[int, int]
    unknown_from: int | None
    undecoded_from: int | None


def decoded_times(
    name: str, packets: Iterator[Packet], has_picture: Callable[[Packet], bool] | None
) -> DecodedTimes:
    """The presentation times of all frames, from decoding the video once, up to the first damage.

    AVI, and Matroska in its compatibility mode, store one time per packet, in decode order. A frame
    is displayed at the time of the packet with which the decoder outputs it, as in FFmpeg and in
    the interface that AVI was made for. `packets` are those of the whole video. `has_picture` tells
    which of them give a frame, the others are skipped; None if that is unknown.

    Raises `SampleError` `undecodable` if no time is known.
    """
    run = _Run(has_picture)
    damaged = not run.decode(packets)
    known = [time for _, time in run.shown if time is not None]
    if not known or run.first not in {dts for dts, _ in run.shown}:
        # Without its first frame, the beginning of its time is unknown, too.
        raise SampleError("undecodable", f"{name} stores no presentation times, and is damaged")
    gaps = {after - before for before, after in pairwise(known)}
    # The last frames are output after the last packet; they follow at the distance of all others.
    step, regular = min(gaps, default=1), len(gaps) == 1
    last = [known[-1] + step * number for number in range(1, len(run.shown) - len(known) + 1)]
    begins = dict(zip((dts for dts, _ in run.shown), known + last, strict=True))
    if damaged:
        return DecodedTimes(begins, known[-1] + 1, run.recent[0])
    return DecodedTimes(begins, None if regular or not last else known[-1] + 1, None)


class _Run:
    """`shown`: dts of each frame's packet and time of its display, None for the last ones.

    `recent`: dts of the packets whose frames the decoder may still hold. `_silent`: dts of the last
    packet after which no frame came out, though it is long enough for a picture.
    """

    def __init__(self, has_picture: Callable[[Packet], bool] | None) -> None:
        self.shown: list[tuple[int, int | None]] = []
        self.recent: deque[int] = deque(maxlen=MOST_HELD)
        self._has_picture = has_picture
        self._waiting: set[int] = set()
        self._silent: int | None = None
        self.first: int | None = None

    def decode(self, packets: Iterator[Packet]) -> bool:
        """Whether all packets were decoded and gave frames with ascending times."""
        for packet in packets:
            if packet.size == 0 and packet.dts is not None:
                continue  # a decoder would take it for the end
            if packet.size:
                if packet.dts is None or (self.recent and packet.dts <= self.recent[-1]):
                    return False
                if self._has_picture is not None:
                    if not self._has_picture(packet):
                        continue
                    self._waiting.add(packet.dts)
                self.first = packet.dts if self.first is None else self.first
                self.recent.append(packet.dts)
                packet.opaque = _Order(packet.dts)
            try:
                frames = packet.decode()
            except av.FFmpegError:
                return False
            if not all(map(self._take, frames)):
                return False
            if not frames and packet.size >= SHORTEST_PICTURE and self._has_picture is None:
                self._silent = packet.dts
        return not self._waiting

    def _take(self, frame: av.VideoFrame) -> bool:
        order, time = frame.opaque, frame.dts if frame.pts is None else frame.pts
        before = self.shown[-1][1] if self.shown else None
        if frame.is_corrupt or not isinstance(order, _Order):
            return False
        if self.shown and time is not None and (before is None or time <= before):
            return False
        if before is not None and self._silent is not None and self._silent > before:
            return False  # a frame between the two was lost without an error
        self.shown.append((order.dts, time))
        self._waiting.discard(order.dts)
        return all(dts > self.recent[0] for dts in self._waiting) or len(self.recent) < MOST_HELD
