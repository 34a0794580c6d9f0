"""Presentation times of videos whose container stores none and whose frames are reordered."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import av
from av.video.stream import VideoStream as CodedStream

from egoactgen_bench.errors import SampleError

Packet: TypeAlias = "av.Packet[CodedStream]"


class _Order(NamedTuple):
    """The dts of a packet, as an object of its own: PyAV finds it by its address."""

    dts: int


class DecodedTimes(NamedTuple):
    """`begins`: presentation time by the dts of the packet; those from `unknown_from` on are not
    known exactly."""

    begins: dict[int, int]
    unknown_from: int | None


def decoded_times(
    name: str, packets: Iterator[Packet], has_picture: Callable[[Packet], bool] | None
) -> DecodedTimes:
    """The presentation times of all frames, from decoding the whole video once.

    AVI, and Matroska in its compatibility mode, store one time per packet, in decode order. A frame
    is displayed at the time of the packet with which the decoder outputs it, as in FFmpeg and in
    the interface that AVI was made for. `packets` are those of the whole video. `has_picture` tells
    which of them give a frame, the others are skipped; None if that is unknown.

    Raises `SampleError` `undecodable` if a frame is damaged, as the times of all later ones are
    unknown then.
    """
    shown: list[tuple[int, int | None]] = []  # dts of the frame's packet, time of its display
    seen, expected = set[int](), set[int]()
    for packet in packets:
        if packet.size == 0 and packet.dts is not None:
            continue  # a decoder would take it for the end
        if packet.size:
            if packet.dts is None or packet.dts in seen:
                raise _unknown(name)
            seen.add(packet.dts)
            if has_picture is not None:
                if not has_picture(packet):
                    continue
                expected.add(packet.dts)
            packet.opaque = _Order(packet.dts)
        shown += [_time(name, frame) for frame in packet.decode()]
    known = [time for _, time in shown if time is not None]
    gaps = {after - before for before, after in pairwise(known)}
    if not known or min(gaps, default=1) < 1 or not expected <= {dts for dts, _ in shown}:
        raise _unknown(name)
    if any(time is None for _, time in shown[: len(known)]):
        raise _unknown(name)
    # The last frames are output after the last packet; they follow at the distance of all others.
    step, regular = min(gaps, default=1), len(gaps) == 1
    last = [known[-1] + step * number for number in range(1, len(shown) - len(known) + 1)]
    begins = dict(zip((dts for dts, _ in shown), known + last, strict=True))
    return DecodedTimes(begins, None if regular or not last else known[-1] + 1)


def _time(name: str, frame: av.VideoFrame) -> tuple[int, int | None]:
    order = frame.opaque
    if frame.is_corrupt or not isinstance(order, _Order):
        raise _unknown(name)
    return order.dts, frame.dts if frame.pts is None else frame.pts


def _unknown(name: str) -> SampleError:
    return SampleError(
        "undecodable",
        f"{name} stores no presentation times, and they do not follow from its damaged frames",
    )
