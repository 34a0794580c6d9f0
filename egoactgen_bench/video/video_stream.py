"""The packets of a video file: seeking and display order."""

import bisect
import itertools
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.clean_aperture import clean_aperture
from egoactgen_bench.video.coded_frames import Coded, Packet, Shown, successor, with_damage
from egoactgen_bench.video.decoded_times import DecodedTimes, decoded_times
from egoactgen_bench.video.decoder_errors import as_sample_errors
from egoactgen_bench.video.edit_lists import contiguous_until, has_several_parts
from egoactgen_bench.video.lookahead import Lookahead
from egoactgen_bench.video.packet_contents import inspector
from egoactgen_bench.video.pixel_crop import pixel_crop
from egoactgen_bench.video.video_file import (
    configure_decoder,
    displayed_stream,
    open_container,
    open_file,
)

AVI_HEADER = 8  # bytes of a chunk before its data


class VideoStream:
    """The video stream of a file that players show.

    Raises `SampleError`: `missing_video`, or `undecodable` if the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.file = open_file(path)
        try:
            with as_sample_errors(path.name):
                self.container = open_container(self.file, path.name)
                self._open(path)
        except BaseException:
            self.close()
            raise

    def _open(self, path: Path) -> None:
        self.stream = displayed_stream(self.container, path.name)
        configure_decoder(self.stream)
        decoder = self.stream.codec_context
        self.ticks = 1 / (self.stream.time_base or Fraction(1, 1000))
        self.tolerance = int(self.ticks / 1000)
        is_mp4 = "mp4" in self.container.format.name
        self.is_matroska = "matroska" in self.container.format.name
        self.margins = clean_aperture(path, self.stream.id) if is_mp4 else None
        if self.is_matroska:
            self.margins = pixel_crop(path, self.container.streams.video.index(self.stream))
        self.extradata = decoder.extradata or b""
        self._inspect = inspector(decoder.codec.name, self.extradata, decoder.has_b_frames)
        self.delay = 0
        self.several_parts = False
        self.in_one_pass = False  # seeking leads to wrong places
        self._places: dict[int, int] = {}
        self.trusted_until: int | None = None
        self._times: DecodedTimes | None = None
        self.origin = self._first_pts(path)
        self._seek(self.origin)  # FFmpeg reads the index of a Matroska file at the first seek
        entries = self.stream.index_entries
        self.keyframes = sorted(entry.timestamp for entry in entries if entry.is_keyframe)
        self.last_dts = max((entry.timestamp for entry in entries), default=None)
        if self.container.format.name == "avi":
            # FFmpeg trusts its index, and counts frames from the place where it leads to.
            self._places = {entry.timestamp: entry.pos + AVI_HEADER for entry in entries}
            self.in_one_pass = (self.last_dts or 0) + 1 != self.stream.duration
        if self.is_matroska and self.keyframes and 0 <= self.keyframes[0] < self.origin:
            raise SampleError("undecodable", f"{path.name}: its index does not fit its frames")
        if has_several_parts([entry.is_discard for entry in entries]):
            self._check_parts()

    def close(self) -> None:
        container = getattr(self, "container", None)
        if container is not None:
            container.close()
        self.file.close()

    def _first_pts(self, path: Path) -> int:
        """The time of the first displayed frame, not discarded; it need not be intact.

        Not that of the first keyframe: if the first packet is damaged, FFmpeg no longer takes it
        for one, and all frames would count from the next.
        """
        first, closed, shown = None, False, list[int]()
        for coded in self._demux():
            if shown and coded.dts >= min(shown):
                break
            if coded.lacks_pts and not coded.timed and self._times is None:
                self._decode_times(coded.dts if first is None else first)
                return self._first_pts(path)
            if first is None and (coded.is_keyframe or coded.displayed):
                first, closed = coded.pts, coded.contents.closed and self._times is None
                # Without a dts, its index has presentation times.
                self.delay = 0 if coded.packet.dts is None else max(coded.pts - coded.dts, 0)
            if first is not None and coded.displayed:
                if coded.pts >= first:
                    shown.append(coded.pts)
                elif closed:
                    raise SampleError("undecodable", f"{path.name}: its first times are damaged")
        if not shown:
            raise SampleError("undecodable", f"{path.name} contains no frame")
        return min(shown)

    def _decode_times(self, start: int) -> None:
        """Find the presentation times that the container lacks by decoding the whole video."""
        complete = self.stream.codec_context.codec.name in ("h264", "hevc")
        self._seek(start)
        self._times = decoded_times(
            self.name,
            self.container.demux(self.stream),
            (lambda packet: self._inspect(bytes(packet)).picture) if complete else None,
        )
        self._seek(start)

    def _check_parts(self) -> None:
        """Read the file in one pass from now on: FFmpeg seeks by ascending times only."""
        self.several_parts = self.in_one_pass = True
        self.trusted_until = contiguous_until(
            (coded.pts, coded.duration)
            for coded in self._from_keyframe(self.origin)
            if coded.displayed
        )

    def limit(self, time: float) -> int:
        """The latest start, in ticks, of the frame on screen at `time` (+ 1 ms)."""
        # 1 ms, since annotations round their times; 1e-9 s, since the product of floats may fall
        # short of the tick that it means.
        return self.origin + int((time + 0.001 + 1e-9) * self.ticks)

    def is_trusted(self, time: float) -> bool:
        """Whether the container's times of the frames up to `time` are consistent."""
        return self.trusted_until is None or self.limit(time) < self.trusted_until

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
                if packet.size == 0 and packet.dts is None and packet.pts is None:
                    continue  # the request to flush the decoder at the end
                before = dts
                # Discarded packets before the next part of an edit list run ahead of it.
                if packet.dts is not None and not (self.several_parts and packet.is_discard):
                    dts = packet.dts
                coded = self._coded(packet, dts)
                backwards = dts < before and not self.several_parts
                yield coded._replace(timed=False) if backwards else coded
        except (av.FFmpegError, OSError):
            return

    def _coded(self, packet: Packet, dts: int) -> Coded:
        contents = self._inspect(bytes(packet))
        pts, timed, displayed = packet.pts, True, contents.picture and not packet.is_discard
        if pts is None and packet.dts is None and self.is_matroska:
            displayed = False  # its time is below zero: it precedes the place where a file was cut
        if self._times is not None:
            pts, (_, unknown, undecoded) = self._times.begins.get(dts), self._times
            if pts is None:
                timed = undecoded is None or dts < undecoded
                displayed = displayed and not timed
            else:
                timed = unknown is None or pts < unknown
        elif pts is None and not self.stream.codec_context.has_b_frames:
            pts = packet.dts
        timed = timed and (pts is not None or not displayed)
        pts = dts if pts is None else pts
        return Coded(packet, pts, min(dts, pts), packet.duration or 0, contents, displayed, timed)

    def _seek(self, ticks: int) -> None:
        try:
            self.container.seek(ticks, stream=self.stream)
        except av.FFmpegError:
            # A damaged index lists no keyframe before that time.
            self.container.seek(ticks, stream=self.stream, any_frame=True)

    def _from_keyframe(self, limit: int) -> Iterator[Coded]:
        """Packets in decode order from the last keyframe that is displayed at or before `limit`."""
        if self.in_one_pass:
            self._seek(-(2**62) if self.several_parts else 0)
            return itertools.dropwhile(lambda coded: not coded.is_keyframe, self._demux())
        start = self.origin - self.delay
        request, step = limit, 0
        while True:
            self._seek(request)
            coded = self._demux()
            first = next((one for one in coded if one.is_keyframe), None)
            if request <= start or (first is not None and first.pts <= limit):
                break
            before = request if first is None else first.dts
            request = max(min(request - step, before - 1), start)
            # Doubled steps: a file without an index, whose keyframes are far apart, takes few
            # seeks.
            step = 2 * step or int(self.ticks)
        if first is not None and not self._is_in_place(first):
            self.in_one_pass = True
            return self._from_keyframe(limit)
        return coded if first is None else itertools.chain((first,), coded)

    def _is_in_place(self, first: Coded) -> bool:
        """Whether a packet read after seeking is the one that the index names for its time."""
        return self._places.get(first.dts, first.packet.pos) == first.packet.pos

    def shown_from(self, limit: int) -> Iterator[Shown]:
        """Frames in decode order, each with its interval on screen.

        The first is the last keyframe displayed at or before `limit`. A frame is yielded once no
        later packet can begin before its interval ends.
        """
        held: deque[tuple[Coded, bool]] = deque()
        begins: list[int] = []
        shortest, last_dts = int(self.ticks), limit
        ahead = Lookahead(limit, float(self.ticks), self.is_matroska)
        for coded, damaged in with_damage(self._from_keyframe(limit)):
            if not coded.timed:
                # It may interrupt the interval of any frame that is not yielded yet. Times that go
                # backwards leave open which of them are right.
                held = deque((earlier, True) for earlier, _ in held)
            held.append((coded, damaged or not coded.timed))
            last_dts = coded.dts
            ahead.add(last_dts)
            shortest = min(shortest, coded.duration or shortest)
            if coded.displayed:
                bisect.insort(begins, coded.pts)
            while held:
                until = successor(begins, held[0][0].pts)
                if until is None or until > ahead.lowest:
                    break
                yield self._shown(held, until)
        cut = self.last_dts is not None and last_dts < self.last_dts
        while held:
            coded = held[0][0]
            end = coded.pts + (coded.duration or shortest) + (0 if cut else self.tolerance)
            until = successor(begins, coded.pts)
            until = end if until is None else until
            yield self._shown(held, min(until, coded.pts + shortest) if cut else until)

    def _shown(self, held: deque[tuple[Coded, bool]], until: int) -> Shown:
        coded, damaged = held.popleft()
        # Of two frames with equal times, the later one is on screen.
        hidden = not coded.displayed or any(
            later.displayed and later.pts == coded.pts for later, _ in held
        )
        return Shown(coded, coded.pts if hidden else until, damaged)
