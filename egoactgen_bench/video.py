"""Exact frames: the picture on screen at a wanted time, by presentation time."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video_decoding import DecodingRun
from egoactgen_bench.video_picture import picture
from egoactgen_bench.video_stream import VideoStream

Found = Image.Image | SampleError

SEEK_WORTH = 0.5  # seconds to the next keyframe from which a jump beats decoding on
BLIND_SEEK_WORTH = 10.0  # the same where the container lists no keyframes


def frames_at(path: Path, times: Sequence[float]) -> Iterator[tuple[float, Found]]:
    """The frame on screen at each distinct time, in ascending order, in one pass over the video.

    Times are in seconds after the first displayed frame; on screen is the last frame that begins at
    or before the time + 1 ms. Frames are 8-bit RGB at display size. A time without its true frame
    gives a `SampleError`: `before_start`, `after_end` (at or past the end of the last frame),
    `missing_video`, or `undecodable` (lost by damage; never a neighbour's picture).
    """
    try:
        reader = VideoReader(path)
    except SampleError as error:
        yield from ((time, error) for time in sorted(set(times)))
        return
    with reader:
        yield from reader.frames_at(times)


class VideoReader:
    """An open video that gives frames by time; `bytes_read` counts what was read of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.video = VideoStream(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.video.close()

    @property
    def bytes_read(self) -> int:
        return self.video.file.bytes_read

    def frames_at(self, times: Sequence[float]) -> Iterator[tuple[float, Found]]:
        """As the function `frames_at`."""
        wanted = sorted(set(times))
        early = bisect_left(wanted, -0.001)
        for time in wanted[:early]:
            yield time, SampleError("before_start", f"{self.path.name}: {time:.3f} s")
        for group in self._groups(wanted[early:]):
            yield from self._decode(group)

    def _groups(self, times: list[float]) -> Iterator[list[float]]:
        """Cut `times` where jumping to a later keyframe is cheaper than decoding on."""
        group: list[float] = []
        for time in times:
            if group and self._jump_pays(group[-1], time):
                yield group
                group = []
            group.append(time)
        if group:
            yield group

    def _jump_pays(self, now: float, then: float) -> bool:
        keyframes, delay = self.video.keyframes, self.video.delay
        if not keyframes:
            return then - now > BLIND_SEEK_WORTH
        position = bisect_right(keyframes, self.video.limit(then) - delay)
        return position > 0 and keyframes[position - 1] + delay > self.video.limit(now + SEEK_WORTH)

    def _decode(self, times: list[float]) -> Iterator[tuple[float, Found]]:
        limits = [self.video.limit(time) for time in times]
        run = DecodingRun(self.video)
        open_times = deque(times)
        for shown in self.video.shown_from(limits[0]):
            if shown.coded.dts > limits[-1]:
                break
            wanted = times[bisect_left(limits, shown.coded.pts) : bisect_left(limits, shown.until)]
            run.take(shown, wanted)
            yield from self._decided(run, open_times)
        run.drain()
        yield from self._decided(run, open_times)
        for time in open_times:
            yield time, self._past(time, run.end)

    def _decided(self, run: DecodingRun, times: deque[float]) -> Iterator[tuple[float, Found]]:
        """Take from the front of `times` those whose frame is out, or known to be lost."""
        while times and run.is_decided(times[0]):
            time = times.popleft()
            frame = run.pop(time)
            if frame is None:
                yield time, self._lost(time)
            else:
                yield time, picture(frame, self.video.stream.sample_aspect_ratio)

    def _lost(self, time: float) -> SampleError:
        return SampleError("undecodable", f"{self.path.name}: the frame at {time:.3f} s is damaged")

    def _past(self, time: float, end: int) -> SampleError:
        declared = self.video.declared_end() or end
        if self.video.limit(time) < max(end, declared) + self.video.tolerance:
            return self._lost(time)
        length = float((max(end, declared) - self.video.origin) / self.video.ticks)
        detail = f"{self.path.name}: {time:.3f} s, the last frame ends at {length:.3f} s"
        return SampleError("after_end", detail)
