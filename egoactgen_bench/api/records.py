"""The record types that stages and plug-ins exchange."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image


@dataclass(frozen=True, slots=True)
class FrameSource:
    """The location of one frame's pixels.

    A video and a time (seconds after its first displayed frame); an image file (`time` is None); or
    the image `member` of a tar archive.
    """

    path: Path
    time: float | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class ActionClip:
    """One narrated action and the times of its two frames, in seconds of the canonical video.

    A time missing from the annotations is NaN, and an empty cell in samples.csv.
    """

    row: str  # the annotation's own id, for rejected.csv
    sample_id: str
    dataset: str
    video_id: str
    action: str
    verb: str
    noun: str
    t_start: float
    t_end: float
    t_input: float
    t_target: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """An annotation row that gives no sample, with a stable reason code."""

    row: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A method's input for one sample; by design it does not contain the target frame.

    `input` is the whole frame before the action: RGB, uint8, as stored in the split. `seed` depends
    only on the run's seed and the sample id.
    """

    sample_id: str
    input: Image.Image
    action: str
    description: str | None
    seed: int
