"""Exact frames: the picture on screen at a wanted time, by presentation time."""

import queue
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.decoding import Found, frames_from
from egoactgen_bench.video.video_stream import VideoStream

SEEK_WORTH = 0.5  # seconds to the next keyframe from which a jump beats decoding on
BLIND_SEEK_WORTH = 10.0  # the same where the container's index does not reach
LARGEST_SHARE = 64  # frames that one thread may hold until they are asked for


def frames_at(
    path: Path, times: Sequence[float], threads: int = 1
) -> Iterator[tuple[float, Found]]:
    """The frame on screen at each distinct time, in ascending order, in one pass over the video.

    Times are in seconds after the first displayed frame; on screen is the last frame that begins at
    or before the time + 1 ms. Frames are 8-bit RGB at display size. A time without its true frame
    gives a `SampleError`: `before_start`, `after_end` (at or past the end of the last frame),
    `missing_video`, or `undecodable` (lost by damage; never a neighbour's picture).
    """
    try:
        reader = VideoReader(path, threads)
    except SampleError as error:
        yield from ((time, error) for time in sorted(set(times)))
        return
    with reader:
        yield from reader.frames_at(times)


class VideoReader:
    """An open video that gives frames by time; `bytes_read` counts what was read of the file.

    Only groups of pictures that hold a wanted time are decoded, `threads` of them at once.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self.path, self.threads = path, threads
        self._streams = [VideoStream(path)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for stream in self._streams:
            stream.close()

    @property
    def bytes_read(self) -> int:
        return sum(stream.file.bytes_read for stream in self._streams)

    def frames_at(self, times: Sequence[float]) -> Iterator[tuple[float, Found]]:
        """As the function `frames_at`."""
        wanted = sorted(set(times))
        early = bisect_left(wanted, -0.001)
        for time in wanted[:early]:
            yield time, SampleError("before_start", f"{self.path.name}: {time:.3f} s")
        shares = list(self._shares(wanted[early:]))
        if self.threads > 1 and len(shares) > 1:
            yield from self._in_threads(shares)
        else:
            for share in shares:
                yield from frames_from(self._streams[0], share)

    def _shares(self, times: list[float]) -> Iterator[list[float]]:
        """Cut `times` where jumping to a later keyframe is cheaper than decoding on."""
        share: list[float] = []
        for time in times:
            full = self.threads > 1 and len(share) == LARGEST_SHARE
            if share and (full or self._jump_pays(share[-1], time)):
                yield share
                share = []
            share.append(time)
        if share:
            yield share

    def _jump_pays(self, now: float, then: float) -> bool:
        video = self._streams[0]
        if video.last_dts is None or video.last_dts < video.limit(now):
            return then - now > BLIND_SEEK_WORTH
        position = bisect_right(video.keyframes, video.limit(then) - video.delay)
        if position == 0:
            return False
        return video.keyframes[position - 1] + video.delay > video.limit(now + SEEK_WORTH)

    def _in_threads(self, shares: list[list[float]]) -> Iterator[tuple[float, Found]]:
        """The shares' frames in order, some shares ahead; each thread has the file open."""
        count = min(self.threads, len(shares))
        self._streams += [VideoStream(self.path) for _ in range(count - len(self._streams))]
        idle: queue.SimpleQueue[VideoStream] = queue.SimpleQueue()
        for stream in self._streams:
            idle.put(stream)

        def decode(share: list[float]) -> list[tuple[float, Found]]:
            stream = idle.get()
            try:
                return list(frames_from(stream, share))
            finally:
                idle.put(stream)

        with ThreadPoolExecutor(count) as pool:
            ahead: deque[Future[list[tuple[float, Found]]]] = deque()
            for share in shares:
                ahead.append(pool.submit(decode, share))
                if len(ahead) > count:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
