"""Whether a frame read from a damaged video may be returned: an independent reading of the file.

The packets of the damaged file, as FFmpeg finds them, are compared with those of the undamaged one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import av
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.frame_conversion import to_image
from egoactgen_bench.video.video_file import configure_decoder
from egoactgen_bench.video.video_reading import frames_at

FRAMES, RATE = 30, 30
TIMES = [(number + 0.5) / RATE for number in range(FRAMES)]


class Coded(NamedTuple):
    """A packet: a digest of its data, and its presentation time in seconds, if it states one."""

    data: str
    time: float | None
    hidden: bool


@dataclass(frozen=True)
class Coding:
    """What a file states: its packets in decode order, and how their pictures are to be shown."""

    packets: list[Coded]
    ticks: object  # the unit of its times
    look: tuple[object, ...]

    def on_screen(self, time: float) -> list[int] | None:
        """The packets whose frame is on screen at `time`; None if the file states no times."""
        if any(packet.time is None for packet in self.packets):
            return None
        shown = [packet.time for packet in self.packets if not packet.hidden]
        begun = [begin for begin in shown if begin - min(shown) <= time + 0.001]
        return [
            index
            for index, packet in enumerate(self.packets)
            # Matroska rounds times to milliseconds.
            if begun and abs(packet.time - max(begun)) < 0.0015 and not packet.hidden
        ]


class Original:
    """The undamaged video: its pictures by number, and the packets that each one depends on."""

    def __init__(self, path: Path) -> None:
        self.path, self.data = path, path.read_bytes()
        self.coding = read_coding(path)
        self.pictures = {digest(found): number for number, (_, found) in
                         enumerate(frames_at(path, TIMES))}  # fmt: skip
        order, keyframes = _decode_order(path)
        # A picture before a keyframe in display order is predicted from what precedes it.
        shown = {place: number for number, place in enumerate(order)}
        first = [
            max(key for key in keyframes if key <= place and shown[key] <= number)
            for number, place in enumerate(order)
        ]
        self._packets = _packet_data(path)
        data = [packet.data for packet in self.coding.packets]
        self.chains = [data[begin : place + 1] for begin, place in zip(first, order, strict=True)]
        if len(self.pictures) != FRAMES or len(self.chains) != FRAMES:
            raise RuntimeError(f"{path} has {len(self.pictures)} different frames.")

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of the frame in each packet."""
        return {chain[-1]: number for number, chain in enumerate(self.chains)}

    def decoded(self, chain: list[str]) -> Image.Image | None:
        """The picture of the last of some undamaged packets, decoded without the others.

        None if the decoder finds anything wrong: it may have filled in another picture.
        """
        with av.open(self.path) as container:
            stream = container.streams.video[0]
            configure_decoder(stream)
            frames: list[Any] = []
            try:
                for time, data in enumerate(chain):
                    packet = av.Packet(self._packets[data])
                    packet.pts = time
                    frames += stream.codec_context.decode(packet)
                frames += stream.codec_context.decode(None)
            except av.FFmpegError:
                return None
            if any(frame.is_corrupt for frame in frames):
                return None
            last = [frame for frame in frames if frame.pts == len(chain) - 1]
            return to_image(last[0], stream.sample_aspect_ratio, None) if last else None


def judge(original: Original, damaged: Coding, number: int, found: Image.Image) -> tuple[str, str]:
    """The outcome for the frame that was returned for `number`, and what is wrong with it, or ''.

    `exact`, `moved` (the file states this frame at this time now) or `altered` (its own data, or
    that of a frame which it is predicted from, was changed).
    """
    shown = original.pictures.get(digest(found))
    if shown == number:
        return "exact", ""
    places = damaged.on_screen(TIMES[number])
    if shown is not None:
        fault = _moved(original, damaged, places, number, shown)
        if fault and _is_recombined(original, damaged, places, found):
            return "altered", ""
        return "moved", fault
    if damaged.look != original.coding.look:
        return "altered", ""
    if places is None:
        intact = _in_order(original, damaged) and _contains(damaged, original.chains[number])
    else:
        intact = bool(places) and all(_is_intact(original, damaged, place) for place in places)
    return "altered", f"frame {number} is altered, but its data is not damaged" if intact else ""


def _is_recombined(
    original: Original, damaged: Coding, places: Sequence[int] | None, found: Image.Image
) -> bool:
    """Whether the packet on screen has this picture, since what it is predicted from was exchanged.

    A packet stores a difference. Between frames 0 and 1, it may be the same as between frames 10
    and 11: with the keyframes exchanged, the packet of frame 1 gives exactly frame 11. That is
    found by decoding the packets in the order of the damaged file. It applies only if all of them
    are undamaged and none is missing: otherwise, a reader could have filled in a neighbour.
    """
    if places is None or len(damaged.packets) != len(original.coding.packets):
        return False
    return any(
        original.decoded(chain) == found
        for place in places
        if (chain := _chain(original, damaged, place))
        and chain != original.chains[original.numbers[chain[-1]]]
    )


def _chain(original: Original, damaged: Coding, place: int) -> list[str]:
    """The packets from the keyframe before a packet to this one; empty if any is damaged."""
    data = [packet.data for packet in damaged.packets[: place + 1]]
    keyframes = [
        begin
        for begin, each in enumerate(data)
        if each in original.numbers and original.chains[original.numbers[each]] == [each]
    ]
    chain = data[keyframes[-1] :] if keyframes else []
    return chain if all(each in original.numbers for each in chain) else []


def _moved(
    original: Original, damaged: Coding, places: Sequence[int] | None, number: int, shown: int
) -> str:
    fault = f"frame {number} shows frame {shown}"
    if places is None:
        # Without times, a frame's number is its place in the order of the packets.
        return fault if _in_order(original, damaged) else ""
    wanted = original.chains[shown][-1]
    found = [damaged.packets[place].data for place in places]
    # A frame whose data was damaged without effect is known by its place in the file.
    found += [packet.data for place in places for packet in original.coding.packets[place:][:1]]
    return "" if wanted in found or _is_unclear(original, damaged, places, wanted) else fault


def _is_unclear(original: Original, damaged: Coding, places: Sequence[int], wanted: str) -> bool:
    """Whether the file leaves open which frame is meant.

    Packets are missing, and this one has other data; or a keyframe comes after packets that are
    displayed after it, which readers that begin at the keyframe do not see.
    """
    lost = len(damaged.packets) != len(original.coding.packets)
    if lost and any(damaged.packets[place].data not in original.numbers for place in places):
        return True
    later = [packet.data for packet in damaged.packets[max(places, default=-1) + 1 :]]
    return original.chains[original.numbers[wanted]] == [wanted] and wanted in later


def _in_order(original: Original, damaged: Coding) -> bool:
    """Whether the packets are those of the undamaged video, some of them with other data."""
    same_rate = damaged.ticks == original.coding.ticks
    return (
        same_rate
        and len(damaged.packets) == len(original.coding.packets)
        and all(
            packet.data == before.data or packet.data not in original.numbers
            for packet, before in zip(damaged.packets, original.coding.packets, strict=True)
        )
    )


def _is_intact(original: Original, damaged: Coding, place: int) -> bool:
    """Whether a packet and those that it depends on are in the file as in the undamaged one."""
    number = original.numbers.get(damaged.packets[place].data)
    if number is None:
        return False
    chain = original.chains[number]
    return [packet.data for packet in damaged.packets[: place + 1]][-len(chain) :] == chain


def _contains(damaged: Coding, chain: list[str]) -> bool:
    data = [packet.data for packet in damaged.packets]
    return any(data[place : place + len(chain)] == chain for place in range(len(data)))


def digest(found: Image.Image | SampleError) -> str:
    data = repr(found).encode() if isinstance(found, SampleError) else found.tobytes()
    size = () if isinstance(found, SampleError) else found.size
    return hashlib.sha256(data).hexdigest() + str(size)


def read_coding(path: Path) -> Coding:
    """What FFmpeg reads from a file; as far as it can be read."""
    packets: list[Coded] = []
    ticks: object = None
    look: tuple[object, ...] = ()
    try:
        with av.open(path, metadata_errors="replace") as container:
            # FFmpeg would invent the times that an AVI file lacks.
            container.flags &= ~av.container.Flags.gen_pts.value
            stream = container.streams.video[0]
            ticks = stream.time_base
            look = (stream.codec_context.extradata, stream.sample_aspect_ratio)
            # One by one: what precedes the first error counts.
            packets.extend(_coded(packet) for packet in container.demux(stream) if packet.size)
        with av.open(path, metadata_errors="replace") as container:
            frame = next(container.decode(video=0))
            look += (frame.width, frame.height, frame.format.name, frame.rotation)
            look += (frame.colorspace, frame.color_range, bytes(_matrix(frame)))
    except (av.FFmpegError, OSError, StopIteration, IndexError, ValueError, AttributeError):
        pass
    return Coding(packets, ticks, look)


def _matrix(frame: Any) -> Any:
    found = frame.side_data.get("DISPLAYMATRIX")
    return b"" if found is None else found


def _packet_data(path: Path) -> dict[str, bytes]:
    """The data of each packet by its digest."""
    with av.open(path) as container:
        found = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    return {hashlib.sha256(data).hexdigest(): data for data in found}


def _coded(packet: Any) -> Coded:
    time = None if packet.pts is None else float(packet.pts * packet.time_base)
    return Coded(hashlib.sha256(bytes(packet)).hexdigest(), time, packet.is_discard)


def _decode_order(path: Path) -> tuple[list[int], list[int]]:
    """The place of each displayed frame's packet in decode order, and those of the keyframes."""
    order, keyframes = list[Any](), list[int]()
    with av.open(path, metadata_errors="replace") as container:
        stream = container.streams.video[0]
        stream.codec_context.copy_opaque = True
        coded = list(container.demux(stream))
        for place, packet in enumerate(coded):
            if packet.size and packet.is_keyframe:
                keyframes.append(place)
            if packet.size:
                packet.opaque = place
            order += [frame.opaque for frame in stream.codec_context.decode(packet)]
    return order, keyframes
