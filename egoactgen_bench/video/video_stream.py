"""The packets of a video file: opening, seeking, display order, and detectable damage."""

import bisect
import io
import itertools
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeAlias

import av
from av.stream import Discard
from av.video.stream import VideoStream as CodedStream

from egoactgen_bench.errors import SampleError

Packet: TypeAlias = "av.Packet[CodedStream]"


class CountedFile(io.FileIO):
    """A file that counts the bytes read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size) or b""
        self.bytes_read += len(data)
        return data


class Coded(NamedTuple):
    """A packet and its times in ticks; no later packet has a pts below this one's dts."""

    packet: Packet
    pts: int
    dts: int
    duration: int


class Shown(NamedTuple):
    """A coded frame and the interval of ticks in which it is on screen: [coded.pts, until)."""

    coded: Coded
    until: int
    damaged: bool


class VideoStream:
    """The first video stream of a file.

    Raises `SampleError`: `missing_video`, or `undecodable` if the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            self.file = CountedFile(path)
        except FileNotFoundError:
            raise SampleError("missing_video", path.name) from None
        except OSError as error:
            raise SampleError("undecodable", f"{path.name}: {error.strerror}") from None
        try:
            self._open(path)
        except av.FFmpegError as error:
            self.file.close()
            raise SampleError(
                "undecodable", f"{path.name} cannot be opened ({error.strerror})"
            ) from None
        except SampleError:
            self.close()
            raise

    def _open(self, path: Path) -> None:
        self.container = av.open(self.file, "r", metadata_errors="replace")
        videos = [
            stream
            for stream in self.container.streams.video
            # A cover picture counts as a video stream of one frame.
            if not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if not videos:
            raise SampleError("undecodable", f"{path.name} contains no video stream")
        self.stream = videos[0]
        for other in self.container.streams:
            # Audio and IMU streams of Ego4D's files need not be read at all.
            other.discard = Discard.default if other is self.stream else Discard.all
        self.ticks = 1 / (self.stream.time_base or Fraction(1, 1000))
        self.tolerance = int(self.ticks / 1000)
        decoder = self.stream.codec_context
        decoder.thread_count = 1  # with more, a frame may be output before its damage is detected
        # FFmpeg's h264 decoder marks damaged frames by itself, and `explode` would make it fail on
        # harmless irregularities.
        if decoder.name != "h264":
            decoder.options = {"err_detect": "explode"}
        extradata = self.stream.codec_context.extradata or b""
        self.nal_length_size = nal_length_size(self.stream.codec_context.name, extradata)
        self.delay = 0
        self.origin = self._first_pts(path)
        self._seek(self.origin)  # FFmpeg reads the index of a Matroska file at the first seek
        entries = self.stream.index_entries
        self.keyframes = sorted(entry.timestamp for entry in entries if entry.is_keyframe)
        self.last_dts = max((entry.timestamp for entry in entries), default=None)

    def close(self) -> None:
        self.container.close()
        self.file.close()

    def _first_pts(self, path: Path) -> int:
        """The time of the first displayed frame, at or after the first keyframe, not discarded."""
        first, shown = None, list[int]()
        for coded in self._demux():
            if shown and coded.dts >= min(shown):
                break
            if first is None and coded.packet.is_keyframe:
                first = coded.pts
                self.delay = coded.pts - coded.dts
            if first is not None and coded.pts >= first and not coded.packet.is_discard:
                shown.append(coded.pts)
        if not shown:
            raise SampleError("undecodable", f"{path.name} contains no frame")
        return min(shown)

    def limit(self, time: float) -> int:
        """The latest start, in ticks, of the frame on screen at `time` (+ 1 ms)."""
        # 1 ms, since annotations round their times; 1e-9 s, since the product of floats may fall
        # short of the tick that it means.
        return self.origin + int((time + 0.001 + 1e-9) * self.ticks)

    def declared_end(self) -> int | None:
        """The end of the video according to the container's index, in ticks."""
        if self.last_dts is None or self.stream.duration is None:
            return None
        return self.origin + self.stream.duration

    def _demux(self) -> Iterator[Coded]:
        """Packets in decode order, as far as the file can be read."""
        # Before any packet with a time: a raw stream may begin without.
        dts = -(2**63)
        try:
            for packet in self.container.demux(self.stream):
                dts = dts if packet.dts is None else packet.dts
                pts = packet.dts if packet.pts is None else packet.pts
                if pts is not None:
                    yield Coded(packet, pts, min(dts, pts), packet.duration or 0)
        except (av.FFmpegError, OSError):
            return

    def _seek(self, ticks: int) -> None:
        try:
            self.container.seek(ticks, stream=self.stream)
        except av.FFmpegError as error:
            raise SampleError("undecodable", f"{self.name}: {error.strerror}") from None

    def _from_keyframe(self, limit: int) -> Iterator[Coded]:
        """Packets in decode order from the last keyframe that is displayed at or before `limit`."""
        start = self.origin - self.delay
        request, step = limit, 0
        while True:
            self._seek(request)
            coded = self._demux()
            first = next((one for one in coded if one.packet.is_keyframe), None)
            if request <= start or (first is not None and first.pts <= limit):
                break
            before = request if first is None else first.dts
            request = max(min(request - step, before - 1), start)
            # Doubled steps: a file without an index, whose keyframes are far apart, takes few
            # seeks.
            step = 2 * step or int(self.ticks)
        return coded if first is None else itertools.chain((first,), coded)

    def shown_from(self, limit: int) -> Iterator[Shown]:
        """Frames in decode order, each with its interval on screen.

        The first is the last keyframe displayed at or before `limit`. A frame is yielded once no
        later packet can begin before its interval ends.
        """
        held: deque[tuple[Coded, bool]] = deque()
        begins: list[int] = []
        shortest, last_dts = int(self.ticks), limit
        for coded, damaged in self._with_damage(self._from_keyframe(limit)):
            held.append((coded, damaged))
            last_dts = coded.dts
            shortest = min(shortest, coded.duration or shortest)
            if not coded.packet.is_discard:
                bisect.insort(begins, coded.pts)
            while held:
                until = successor(begins, held[0][0].pts)
                if until is None or until > last_dts:
                    break
                yield Shown(held[0][0], until, held.popleft()[1])
        cut = self.last_dts is not None and last_dts < self.last_dts
        for coded, damaged in held:
            end = coded.pts + (coded.duration or shortest) + (0 if cut else self.tolerance)
            until = successor(begins, coded.pts)
            until = end if until is None else until
            yield Shown(coded, min(until, coded.pts + shortest) if cut else until, damaged)

    def _with_damage(self, stream: Iterator[Coded]) -> Iterator[tuple[Coded, bool]]:
        """Each packet, and whether its bytes are corrupt or may be, next to a corrupt header.

        Damage inside a slice's data must be detected by the decoder, which may miss it; but damage
        that spans two packets is visible in the header of the second.
        """
        previous, broken = None, False
        for coded in stream:
            units, cut = self._nal_units(coded.packet), coded.packet.is_corrupt
            if previous is not None:
                yield previous, broken or (not units and not cut)
            previous, broken = coded, cut or not units or not all(units)
        if previous is not None:
            yield previous, broken

    def _nal_units(self, packet: Packet) -> list[bytes]:
        """The packet's NAL units, see `split_nal_units`; the whole packet for other codecs."""
        data = bytes(packet)
        return split_nal_units(data, self.nal_length_size) if self.nal_length_size else [data]

    def is_unreferenced(self, packet: Packet) -> bool:
        """Whether no other frame is predicted from this one (known for H.264 in MP4 and MKV)."""
        if not self.nal_length_size or self.stream.codec_context.name != "h264":
            return False
        return all(unit and unit[0] & 0x60 == 0 for unit in self._nal_units(packet))


def successor(ordered: list[int], value: int) -> int | None:
    """The smallest element above `value`."""
    position = bisect.bisect_right(ordered, value)
    return ordered[position] if position < len(ordered) else None


def nal_length_size(codec: str, extradata: bytes) -> int:
    """Size in bytes of the length prefix of NAL units (ISO/IEC 14496-15); 0 without prefixes."""
    if codec == "h264" and len(extradata) > 6 and extradata[0] == 1:
        return (extradata[4] & 3) + 1
    if codec == "hevc" and len(extradata) > 22 and extradata[0] == 1:
        return (extradata[21] & 3) + 1
    return 0


def split_nal_units(data: bytes, length_size: int) -> list[bytes]:
    """The NAL units of a packet; an empty unit at the end marks bytes that no encoder writes.

    The list is empty if even the first unit's header is invalid. Three consecutive zero bytes never
    occur inside a unit (H.264 and H.265, 7.4.1); zeros at its end may be padding.
    """
    units, position = list[bytes](), 0
    while position < len(data):
        begin = position + length_size
        position = begin + int.from_bytes(data[position:begin], "big")
        unit = data[begin:position].rstrip(b"\0")
        if position > len(data) or not unit or unit[0] & 0x80:
            return [*units, b""] if units else []
        units.append(b"" if b"\0\0\0" in unit else unit)
    return units
