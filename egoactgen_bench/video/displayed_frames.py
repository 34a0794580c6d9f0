"""A displayed frame of a video by its number, for instance the last one."""

from collections.abc import Callable
from pathlib import Path

from egoactgen_bench.errors import SampleError
from egoactgen_bench.video.cut_files import is_cut
from egoactgen_bench.video.decoder_errors import as_sample_errors
from egoactgen_bench.video.decoding import Found, frames_from
from egoactgen_bench.video.video_stream import VideoStream


def frame_by_number(path: Path, choose: Callable[[int], int]) -> Found:
    """The frame whose index `choose` gives for the number of displayed frames.

    An 8-bit RGB image at display size, or a `SampleError`: `missing_video`, `undecodable` (damaged,
    or with unknown times; never replaced by a neighbouring frame), or what `choose` raises.
    """
    try:
        video = VideoStream(path)
    except SampleError as error:
        return error
    try:
        with as_sample_errors(video.name):
            if is_cut(path):
                raise SampleError("undecodable", f"{video.name}: the end of the file is missing")
            begins = _begins(video)
        begin = begins[choose(len(begins))]
        # 1 ms earlier, as a time means the last frame that begins at most 1 ms after it.
        time = float((begin - video.origin) / video.ticks) - 0.001
        ((_, found),) = frames_from(video, [time])
        return found
    except SampleError as error:
        return error
    finally:
        video.close()


def _begins(video: VideoStream) -> list[int]:
    """The ascending times, in ticks, at which the displayed frames appear."""
    begins, last_dts = [], video.origin
    for shown in video.shown_from(video.origin):
        if not shown.coded.timed:
            raise SampleError("undecodable", f"{video.name}: the times of its frames are damaged")
        last_dts = max(last_dts, shown.coded.dts)
        if shown.until > shown.coded.pts:
            begins.append(shown.coded.pts)
    if video.last_dts is not None and last_dts < video.last_dts:
        raise SampleError("undecodable", f"{video.name}: frames that its index lists are missing")
    return sorted(begins)
