"""Decoding from a keyframe, with detection of damaged frames."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import av
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.coded_frames import Coded, Packet, Shown
from egoactgen_bench.video.decoder_errors import as_sample_errors
from egoactgen_bench.video.frame_conversion import to_image
from egoactgen_bench.video.packet_contents import without_information
from egoactgen_bench.video.video_stream import VideoStream

MOST_ERRORS = 64  # while flushing a decoder, which buffers fewer frames than that
Found = Image.Image | SampleError


def frames_from(video: VideoStream, times: Sequence[float]) -> Iterator[tuple[float, Found]]:
    """The frames at ascending times, decoded in one pass from the keyframe before the first.

    Whatever the decoder raises becomes the error of the times that are left.
    """
    trusted = [time for time in times if video.is_trusted(time)]
    done = 0
    try:
        with as_sample_errors(video.name):
            for time, found in _frames_from(video, trusted):
                yield time, found
                done += 1
    except SampleError as error:
        yield from ((time, error) for time in trusted[done:])
    for time in times[len(trusted) :]:
        detail = (
            f"{video.name}: its edit list gives no consistent time to the frame at {time:.3f} s"
        )
        yield time, SampleError("undecodable", detail)


def _frames_from(video: VideoStream, times: Sequence[float]) -> Iterator[tuple[float, Found]]:
    if not times:
        return
    run = DecodingRun(video)
    for done, (time, found) in enumerate(decode(run, times, video.limit(times[0]))):
        if is_undecodable(found) and run.began > video.origin and not run.torn:
            # The keyframe is only a recovery point (intra refresh): it depends on earlier frames.
            yield from decode(DecodingRun(video), times[done:], video.origin)
            return
        yield time, found


def decode(run: "DecodingRun", times: Sequence[float], start: int) -> Iterator[tuple[float, Found]]:
    """The frames at ascending times, decoded from the last keyframe shown at or before `start`."""
    video, waiting = run.video, deque(times)
    limits = [video.limit(time) for time in times]
    for shown in video.shown_from(start):
        # No later packet can be displayed at or before the last of the times, unless the file's
        # own times are damaged.
        if shown.coded.dts > limits[-1] and not shown.damaged:
            break
        wanted = slice(bisect_left(limits, shown.coded.pts), bisect_left(limits, shown.until))
        run.take(shown, times[wanted])
        while waiting and run.is_decided(waiting[0]):
            yield waiting[0], run.pop(waiting.popleft())
    run.drain()
    for time in waiting:
        if run.is_decided(time):
            yield time, run.pop(time)
        elif run.is_empty:
            yield time, lost(video, time)  # the end is unknown, too
        else:
            yield time, past_the_last(video, time, run.end)


def past_the_last(video: VideoStream, time: float, end: int) -> SampleError:
    """The error for a `time` after the last readable frame, which ends at `end` (in ticks)."""
    end = max(end, video.declared_end() or end)
    if video.limit(time) < end + video.tolerance:
        return lost(video, time)
    length = float((end - video.origin) / video.ticks)
    return SampleError("after_end", f"{video.name}: {time:.3f} s of {length:.3f} s")


def is_undecodable(found: Found) -> bool:
    return isinstance(found, SampleError) and found.code == "undecodable"


def lost(video: VideoStream, time: float) -> SampleError:
    return SampleError("undecodable", f"{video.name}: the frame at {time:.3f} s is damaged")


class FrameOrder(NamedTuple):
    """Presentation time of a frame, its rank in decode order, the rank of its keyframe."""

    pts: int
    rank: int
    keyframe: int


class DecodingRun:
    """Decoding from one keyframe.

    A frame is intact only if it and all frames decoded before it, back to its keyframe, are
    undamaged: a decoder conceals damage and propagates it to the frames predicted from it. Damage
    that the decoder reads as valid data remains undetected.
    """

    def __init__(self, video: VideoStream) -> None:
        self.video = video
        self.decoder = video.stream.codec_context
        self.began = self.end = video.origin
        self.torn = False  # corrupt bytes were found, not only frames that were never output
        self._rank = 0
        self._keyframes: deque[FrameOrder] = deque(maxlen=2)
        self._damage: dict[int, int] = {}  # rank of a keyframe → rank of its first damaged frame
        self._inside: dict[int, FrameOrder] = {}  # by rank: sent to the decoder, not yet output
        self._latest = self.began  # the latest time of a frame that was output
        self._targets: dict[float, FrameOrder] = {}
        self._frames: dict[int, av.VideoFrame] = {}

    @property
    def is_empty(self) -> bool:
        return self._rank == 0

    def take(self, shown: Shown, times: Sequence[float]) -> None:
        """Decode the next packet, whose frame is on screen at `times` (may be empty)."""
        coded = shown.coded
        self._rank += 1
        if coded.displayed:
            self.end = max(self.end, coded.pts + coded.duration)
        if self._rank == 1:
            self.began = coded.pts
        if coded.is_keyframe:
            self._keyframes.append(FrameOrder(coded.pts, self._rank, self._rank))
        needed = [key.rank for key in self._keyframes if key.pts <= coded.pts]
        if not needed:
            return  # displayed before the run's first keyframe, but decoded after it
        fed = FrameOrder(coded.pts, self._rank, needed[-1])
        self._targets.update(dict.fromkeys(times, fed))
        if shown.damaged:
            self.torn = True
            self._mark(fed)
        if fed.keyframe in self._damage:
            return
        if coded.contents.empty:
            return
        if times or shown.until <= coded.pts or not coded.contents.unreferenced:
            self._feed(coded, fed)

    def _feed(self, coded: Coded, fed: FrameOrder) -> None:
        packet = coded.packet
        if coded.displayed:
            self._inside[fed.rank] = fed
        # Each packet gets an object of its own: PyAV finds it by its address.
        packet.opaque = fed
        try:
            self._receive(self._decoded(packet, fed))
        except av.FFmpegError:
            self._inside.pop(fed.rank, None)
            self.torn = True
            self._mark(fed)

    def _decoded(self, packet: Packet, fed: FrameOrder) -> list[av.VideoFrame]:
        try:
            return self.decoder.decode(packet)
        except av.FFmpegError:
            data = bytes(packet)
            plain = without_information(self.decoder.codec.name, data, self.video.extradata)
            if len(plain) == len(data):
                raise
        # FFmpeg's hevc decoder rejects pictures whose supplemental information (SEI) is damaged.
        again = av.Packet(plain)
        again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
        again.is_keyframe, again.opaque = packet.is_keyframe, FrameOrder(*fed)
        return self.decoder.decode(again)

    def drain(self) -> None:
        """Flush the decoder; frames that it does not output are lost."""
        # The error belongs to one packet; frames behind it can still come out.
        for _ in range(MOST_ERRORS):
            try:
                self._receive(self.decoder.decode(None))
                break
            except av.EOFError:
                break
            except av.FFmpegError:
                continue
        for fed in self._inside.values():
            self._mark(fed)
        self._inside.clear()

    def _receive(self, frames: Sequence[av.VideoFrame]) -> None:
        for frame in frames:
            fed = frame.opaque
            if not isinstance(fed, FrameOrder) or self._inside.pop(fed.rank, None) is None:
                continue
            for earlier in [one for one in self._inside.values() if one.pts < fed.pts]:
                # Frames are output in display order: this one was dropped, or its time is wrong,
                # and then that of the frame that was output may be wrong, too.
                self._mark(self._inside.pop(earlier.rank))
                self._mark(fed)
            if fed.pts < self._latest:
                self._mark(fed._replace(rank=fed.keyframe))
            self._latest = max(self._latest, fed.pts)
            if frame.is_corrupt:
                self.torn = True
                self._mark(fed)
            elif any(target.pts == fed.pts for target in self._targets.values()):
                # Of several frames with this time, the last one stays on screen.
                self._frames[fed.pts] = frame

    def _mark(self, fed: FrameOrder) -> None:
        self._damage[fed.keyframe] = min(fed.rank, self._damage.get(fed.keyframe, fed.rank))

    def is_decided(self, time: float) -> bool:
        """Whether the frame at `time` is known to be lost, or was output intact."""
        target = self._targets.get(time)
        if target is None:
            return False
        out = target.pts in self._frames and all(
            fed.rank > target.rank for fed in self._inside.values()
        )
        return out or self._is_lost(target)

    def pop(self, time: float) -> Found:
        """The frame or the error for a time for which `is_decided` holds."""
        target = self._targets.pop(time)
        if self._is_lost(target):
            return lost(self.video, time)
        frame = self._frames[target.pts]
        if all(other.pts != target.pts for other in self._targets.values()):
            del self._frames[target.pts]
        try:
            with as_sample_errors(self.video.name):
                ratio = self.video.stream.sample_aspect_ratio
                return to_image(frame, ratio, self.video.margins)
        except SampleError as error:
            return error

    def _is_lost(self, target: FrameOrder) -> bool:
        return self._damage.get(target.keyframe, target.rank + 1) <= target.rank
