"""Which frame of a generated video is the image, checked before the video is generated."""

from dataclasses import dataclass
from typing import Any

from egoactgen_baselines.frame_choice import FrameChoice
from egoactgen_baselines.pipelines.call_recipe import Video
from egoactgen_baselines.pipelines.pipeline_arguments import CallArguments
from egoactgen_baselines.pipelines.pipeline_output import Output, as_image
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import BenchError, SampleError


@dataclass(frozen=True)
class VideoFrames:
    """The image of a video that a pipeline generates. Raises `BenchError` if none can have it."""

    video: Video
    arguments: CallArguments
    choice: FrameChoice

    def __post_init__(self) -> None:
        if self.choice.kind == "target-time":
            return
        try:
            self.choice.index(self.count, self.rate)
        except SampleError as error:
            option = self.arguments.options.frame
            raise BenchError(
                f"-o frame={option}: {error.detail}; increase -o num_frames."
            ) from None

    @property
    def count(self) -> int:
        """The number of frames of each video."""
        return self.video.length(self.arguments.value(self.video.frames_argument))

    @property
    def rate(self) -> float:
        """Frames per second."""
        if self.video.rate_argument is not None:
            return float(self.arguments.value(self.video.rate_argument))
        return self.arguments.options.rate or self.video.rate

    def error(self, request: Request) -> SampleError | None:
        """Why no video can have the frame for this request; None if one can."""
        try:
            self.choice.index(self.count, self.rate, request.target_offset)
        except SampleError as error:
            return error
        return None

    def image(self, result: Any, request: Request) -> Output:
        """The image, from the result of the pipeline's call."""
        video = getattr(result, self.video.output)
        # Most pipelines return a batch of videos, some the frames of a single one.
        frames = video[0] if video[0].ndim == 4 else video
        try:
            index = self.choice.index(len(frames), self.rate, request.target_offset)
        except SampleError as error:
            return error
        return as_image(frames[index])
