"""Decoding from a keyframe on, and which of the frames can be trusted."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import av
from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.frame_pictures import picture
from egoactgen_bench.video.video_stream import Shown, VideoStream

Found = Image.Image | SampleError


def frames_from(video: VideoStream, times: Sequence[float]) -> Iterator[tuple[float, Found]]:
    """The frames for ascending times, decoded in one go from the keyframe before the first."""
    run = DecodingRun(video)
    for done, (time, found) in enumerate(decode(run, times, video.limit(times[0]))):
        if is_undecodable(found) and run.began > video.origin and not run.torn:
            # The keyframe is a mere recovery point (intra refresh), which needs what lies before.
            yield from decode(DecodingRun(video), times[done:], video.origin)
            return
        yield time, found


def decode(run: "DecodingRun", times: Sequence[float], start: int) -> Iterator[tuple[float, Found]]:
    """The frames for ascending times, decoded from the last keyframe shown at or before `start`."""
    video, waiting = run.video, deque(times)
    limits = [video.limit(time) for time in times]
    for shown in video.shown_from(start):
        if shown.coded.dts > limits[-1]:
            break
        wanted = slice(bisect_left(limits, shown.coded.pts), bisect_left(limits, shown.until))
        run.take(shown, times[wanted])
        while waiting and run.is_decided(waiting[0]):
            yield waiting[0], run.pop(waiting.popleft())
    run.drain()
    for time in waiting:
        yield time, run.pop(time) if run.is_decided(time) else past_the_last(video, time, run.end)


def past_the_last(video: VideoStream, time: float, end: int) -> SampleError:
    """Why no frame that could be read is on screen at `time`; the last of them ended at `end`."""
    end = max(end, video.declared_end() or end)
    if video.limit(time) < end + video.tolerance:
        return lost(video, time)
    length = float((end - video.origin) / video.ticks)
    return SampleError("after_end", f"{video.name}: {time:.3f} s of {length:.3f} s")


def is_undecodable(found: Found) -> bool:
    return isinstance(found, SampleError) and found.code == "undecodable"


def lost(video: VideoStream, time: float) -> SampleError:
    return SampleError("undecodable", f"{video.name}: the frame at {time:.3f} s is damaged")


class Fed(NamedTuple):
    """A frame's place: presentation time, rank in decode order, rank of the keyframe it needs."""

    pts: int
    rank: int
    keyframe: int


class DecodingRun:
    """Decoding from one keyframe on.

    A frame is true only if it and all frames decoded before it, back to its keyframe, came out
    whole: a decoder conceals damage and carries it into the frames that are predicted from it.
    Damage that the decoder reads as valid data, without a word, stays unnoticed.
    """

    def __init__(self, video: VideoStream) -> None:
        self.video = video
        self.decoder = video.stream.codec_context
        self.began = self.end = video.origin
        self.torn = False  # broken bytes were seen: more than frames that did not come out
        self._rank = 0
        self._keyframes: deque[Fed] = deque(maxlen=2)
        self._damage: dict[int, int] = {}  # rank of a keyframe → rank of its first damaged frame
        self._inside: dict[int, Fed] = {}  # by pts: fed to the decoder, not out yet
        self._targets: dict[float, Fed] = {}
        self._frames: dict[int, av.VideoFrame] = {}

    def take(self, shown: Shown, times: Sequence[float]) -> None:
        """Decode the next packet, whose frame is wanted for `times` (perhaps for none)."""
        packet, pts, _, duration = shown.coded
        self._rank += 1
        self.end = max(self.end, pts + duration)
        if self._rank == 1:
            self.began = pts
        if packet.is_keyframe:
            self._keyframes.append(Fed(pts, self._rank, self._rank))
        needed = [key.rank for key in self._keyframes if key.pts <= pts]
        if not needed:
            return  # displayed before the keyframe where the run began, decoded after it
        fed = Fed(pts, self._rank, needed[-1])
        self._targets.update(dict.fromkeys(times, fed))
        if shown.damaged:
            self.torn = True
            self._mark(fed)
        if fed.keyframe in self._damage:
            return
        if times or not self.video.is_unreferenced(packet):
            self._feed(packet, fed)

    def _feed(self, packet: av.Packet, fed: Fed) -> None:
        if not packet.is_discard:
            self._inside[fed.pts] = fed
        try:
            self._receive(self.decoder.decode(packet))
        except av.FFmpegError:
            self._inside.pop(fed.pts, None)
            self.torn = True
            self._mark(fed)

    def drain(self) -> None:
        """Get the frames that the decoder still holds; what does not come is lost."""
        while self._inside:
            try:
                self._receive(self.decoder.decode(None))
            except av.EOFError:
                break
            except av.FFmpegError:
                continue
        for fed in self._inside.values():
            self._mark(fed)
        self._inside.clear()

    def _receive(self, frames: Sequence[av.VideoFrame]) -> None:
        for frame in frames:
            fed = None if frame.pts is None else self._inside.pop(frame.pts, None)
            if fed is None:
                continue
            for pts in [pts for pts in self._inside if pts < fed.pts]:
                self._mark(self._inside.pop(pts))  # frames come in display order: it was dropped
            if frame.is_corrupt:
                self.torn = True
                self._mark(fed)
            elif fed in self._targets.values():
                self._frames[fed.pts] = frame

    def _mark(self, fed: Fed) -> None:
        self._damage[fed.keyframe] = min(fed.rank, self._damage.get(fed.keyframe, fed.rank))

    def is_decided(self, time: float) -> bool:
        """Whether the frame for `time` is known to be lost, or out and true."""
        target = self._targets.get(time)
        if target is None:
            return False
        out = target.pts in self._frames and all(
            fed.rank > target.rank for fed in self._inside.values()
        )
        return out or self._is_lost(target)

    def pop(self, time: float) -> Found:
        """What to give for a decided time."""
        target = self._targets.pop(time)
        if self._is_lost(target):
            return lost(self.video, time)
        frame = self._frames[target.pts]
        if target not in self._targets.values():
            del self._frames[target.pts]
        return picture(frame, self.video.stream.sample_aspect_ratio)

    def _is_lost(self, target: Fed) -> bool:
        return self._damage.get(target.keyframe, target.rank + 1) <= target.rank
