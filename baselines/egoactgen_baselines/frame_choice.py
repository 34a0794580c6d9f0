"""Which frame of a generated video is the image: `-o frame=…` of video models and `videos:`."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

from egoactgen_bench.errors import SampleError

TOLERANCE = 0.001  # seconds; the frame at t is the last whose time is at most t plus this
ROUNDING = 1e-9  # of a frame; the product of floats may fall short of a whole number
FORMS = "last, middle, a frame's index (12), seconds (1.5s), or target-time"
FRAME_HELP = "frame of the video: last, middle, an index, seconds (1.5s), target-time"


@dataclass(frozen=True)
class FrameChoice:
    """A parsed `-o frame=…`; `value` is an index, or seconds after the first frame."""

    kind: Literal["last", "middle", "index", "seconds", "target-time"]
    value: float = 0.0

    def seconds(self, target_offset: float | None) -> float | None:
        """The wanted time after the first frame; None if the choice is not a time.

        Args:
            target_offset: t_target − t_input of the sample in seconds, which only the choice
                "target-time" reads.

        Raises:
            SampleError: `no_target_time` if the sample has no target time.
        """
        if self.kind == "seconds":
            return self.value
        if self.kind != "target-time":
            return None
        if target_offset is None or not math.isfinite(target_offset):
            raise SampleError("no_target_time", "the sample has no time of its target frame")
        return target_offset

    def index(self, count: int, rate: float, target_offset: float | None = None) -> int:
        """The index of the frame in a video of `count` frames at `rate` frames per second.

        The frame at a time is the one on screen then.

        Raises:
            SampleError: `frame_outside_video` if the video has no such frame, `no_target_time`.
        """
        at = self.seconds(target_offset)
        if at is None or count < 1:
            return self.of_count(count)
        # A video ends where its last frame does.
        if at < -TOLERANCE or at * rate >= count:
            length = f"{count / rate:.3f} s"
            raise SampleError("frame_outside_video", f"{at:.3f} s in a video of {length}")
        return min(max(math.floor((at + TOLERANCE) * rate + ROUNDING), 0), count - 1)

    def of_count(self, count: int) -> int:
        """The index of the frame in a video of `count` frames, for a choice that is not a time.

        Of an even number of frames, the middle one is the first of the later half.

        Raises:
            SampleError: `frame_outside_video` if the video has no such frame.
        """
        if count < 1:
            raise SampleError("frame_outside_video", "the video has no frames")
        if self.kind == "index":
            if self.value >= count:
                detail = f"frame {self.value:.0f} of a video of {count} frames"
                raise SampleError("frame_outside_video", detail)
            return int(self.value)
        return {"last": count - 1, "middle": count // 2}[self.kind]


def parse_frame(text: str) -> FrameChoice:
    """Parse `-o frame=…`; raises `ValueError` that lists the forms."""
    text = text.strip()
    if text in ("last", "middle", "target-time"):
        return FrameChoice(text)  # type: ignore[arg-type]
    if re.fullmatch(r"[0-9]{1,9}", text):
        return FrameChoice("index", int(text))
    if found := re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(s?)", text):
        return FrameChoice("seconds", float(found[1]))
    raise ValueError(f"give {FORMS}")


def _parsed(text: str) -> str:
    parse_frame(text)
    return text.strip()


FrameOption = Annotated[str, AfterValidator(_parsed)]
