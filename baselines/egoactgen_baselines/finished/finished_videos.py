"""A run from finished videos that were generated elsewhere: one frame of each is the image."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from pydantic import Field

from egoactgen_baselines.finished.finished_files import FinishedFiles
from egoactgen_baselines.frame_choice import FRAME_HELP, FrameOption, parse_frame
from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import Options
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import SampleError

SUFFIXES = (".mp4", ".mkv", ".webm", ".mov", ".avi")


class VideoOptions(Options):
    """Options of videos:DIR."""

    frame: FrameOption = Field("last", description=FRAME_HELP)


class Videos(Method[VideoOptions]):
    """Finished videos by sample id: DIR/<sample_id>.mp4, .mkv, .webm, .mov or .avi.

    They may also be in DIR/videos/, or in DIR/…/<clip>/<action>/<any name>.mp4 for the sample
    <clip>_<action>. The frame is read exactly, as by prepare-splits: the displayed one.
    """

    Options = VideoOptions
    takes_argument = True
    uses_device = False
    stops_early = False  # a missing file is an ordinary error of a sample
    default_batch_size = 16
    packages = ("av",)

    def __init__(self, options: VideoOptions, context: MethodContext) -> None:
        super().__init__(options, context)
        self.frame = parse_frame(options.frame)
        folder, wanted = Path(context.argument or ""), context.sample_ids or ()
        self.files = FinishedFiles("videos", folder, SUFFIXES, wanted)

    def uses_target_time(self) -> bool:
        return self.frame.kind == "target-time"

    def sources(self) -> dict[str, str]:
        # Videos are large: only those that are read.
        return {"videos": self.files.sha256(self.context.sample_ids)}

    def generate(self, requests: Sequence[Request]) -> list[Image.Image | SampleError]:
        return [self._frame(request) for request in requests]

    def _frame(self, request: Request) -> Image.Image | SampleError:
        found = self.files.of(request.sample_id)
        if not found:
            return SampleError("missing_video", f"no {request.sample_id}.mp4 or other video found")
        if len(found) > 1:
            return SampleError("ambiguous_video", f"both {found[0].name} and {found[1].name}")
        try:
            at = self.frame.seconds(request.target_offset)
        except SampleError as error:
            return error
        return self._numbered(found[0]) if at is None else _shown_at(found[0], at)

    def _numbered(self, path: Path) -> Image.Image | SampleError:
        from egoactgen_bench.video.displayed_frames import frame_by_number

        return frame_by_number(path, self.frame.of_count)


def _shown_at(path: Path, time: float) -> Image.Image | SampleError:
    """The frame on screen at `time`, as in prepare-splits."""
    from egoactgen_bench.video.video_reading import frames_at

    ((_, found),) = frames_at(path, [time])
    if isinstance(found, SampleError) and found.code in ("before_start", "after_end"):
        return SampleError("frame_outside_video", found.detail)
    return found
