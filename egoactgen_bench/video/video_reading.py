"""Exact frames: the frame on screen at a given time, by presentation time."""

import queue
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.decoding import Found, frames_from
from egoactgen_bench.video.video_stream import VideoStream

SEEK_WORTH = 0.5  # seconds: from this distance, seeking to a later keyframe is faster than decoding
BLIND_SEEK_WORTH = 10.0  # the same beyond the end of the container's index
LARGEST_CHUNK = 64  # frames that one thread may decode ahead of the consumer


def frames_at(
    path: Path, times: Sequence[float], threads: int = 1
) -> Iterator[tuple[float, Found]]:
    """The frame on screen at each distinct time, in ascending order, in one pass over the video.

    Times are in seconds from the first displayed frame; the frame on screen is the last one that
    begins at or before the time + 1 ms. Frames are 8-bit RGB at display size. A time whose frame
    cannot be read gives a `SampleError`: `before_start`, `after_end` (at or after the end of the
    last frame), `missing_video` or `undecodable` (damaged; never replaced by a neighbouring frame).
    """
    try:
        reader = VideoReader(path, threads)
    except SampleError as error:
        yield from ((time, error) for time in sorted(set(times)))
        return
    with reader:
        yield from reader.frames_at(times)


class VideoReader:
    """An open video file that returns frames by time; `bytes_read` counts the bytes read so far.

    Only groups of pictures (GOPs) that contain a requested time are decoded, in `threads` threads.
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
        """Same as the function `frames_at`."""
        distinct = sorted(set(times))
        early = bisect_left(distinct, -0.001)
        for time in distinct[:early]:
            yield time, SampleError("before_start", f"{self.path.name}: {time:.3f} s")
        chunks = list(self._chunks(distinct[early:]))
        if self.threads > 1 and len(chunks) > 1:
            yield from self._in_threads(chunks)
        else:
            for chunk in chunks:
                yield from frames_from(self._streams[0], chunk)

    def _chunks(self, times: list[float]) -> Iterator[list[float]]:
        """Split `times` where seeking to a later keyframe is faster than decoding up to it."""
        chunk: list[float] = []
        for time in times:
            full = self.threads > 1 and len(chunk) == LARGEST_CHUNK
            if chunk and (full or self._is_worth_seeking(chunk[-1], time)):
                yield chunk
                chunk = []
            chunk.append(time)
        if chunk:
            yield chunk

    def _is_worth_seeking(self, now: float, then: float) -> bool:
        video = self._streams[0]
        if video.in_one_pass:
            return False
        # Without an index it is unknown where the next keyframe is: seeking may read what decoding
        # would.
        if video.last_dts is None or video.last_dts < video.limit(now):
            return then - now > BLIND_SEEK_WORTH
        position = bisect_right(video.keyframes, video.limit(then) - video.delay)
        if position == 0:
            return False
        return video.keyframes[position - 1] + video.delay > video.limit(now + SEEK_WORTH)

    def _in_threads(self, chunks: list[list[float]]) -> Iterator[tuple[float, Found]]:
        """The chunks' frames in order, decoded ahead; each thread opens the file itself."""
        count = min(self.threads, len(chunks))
        # Without more streams, if the file cannot be opened again.
        with suppress(SampleError):
            while len(self._streams) < count:
                self._streams.append(VideoStream(self.path))
        count = min(count, len(self._streams))
        idle: queue.SimpleQueue[VideoStream] = queue.SimpleQueue()
        for stream in self._streams:
            idle.put(stream)

        def decode(chunk: list[float]) -> list[tuple[float, Found]]:
            stream = idle.get()
            try:
                return list(frames_from(stream, chunk))
            finally:
                idle.put(stream)

        with ThreadPoolExecutor(count) as pool:
            ahead: deque[Future[list[tuple[float, Found]]]] = deque()
            for chunk in chunks:
                ahead.append(pool.submit(decode, chunk))
                # A chunk is decoded while others wait to be taken, but no more of them than fit
                # into memory.
                if len(ahead) > count:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
