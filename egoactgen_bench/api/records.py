"""The record types that stages and plug-ins exchange."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from PIL import Image
from pydantic import AfterValidator, ConfigDict, Field

from egoactgen_bench.errors import REASON_CODE

# Records from plug-ins are validated by the types of their fields.
VALIDATED = ConfigDict(revalidate_instances="always")


def _not_infinite(seconds: float) -> float:
    if math.isinf(seconds):
        raise ValueError("give a finite number of seconds, or NaN if it is not annotated")
    return seconds


Seconds = Annotated[float, AfterValidator(_not_infinite)]


@dataclass(frozen=True, slots=True)
class FrameSource:
    """The location of one frame's pixels.

    A video and a time (seconds after its first displayed frame); an image file (`time` is None); or
    the image `member` of a tar archive.
    """

    __pydantic_config__: ClassVar = VALIDATED
    path: Path
    time: Seconds | None = None
    member: str | None = None


@dataclass(frozen=True, slots=True)
class ActionClip:
    """One narrated action and the times of its two frames, in seconds of the canonical video.

    A time missing from the annotations is NaN, and an empty cell in samples.csv.
    """

    __pydantic_config__: ClassVar = VALIDATED
    row: str  # the annotation's own id, for rejected.csv
    sample_id: str
    dataset: str
    video_id: str
    action: Annotated[str, Field(min_length=1)]
    verb: str
    noun: str
    t_start: Seconds
    t_end: Seconds
    t_input: Seconds
    t_target: Seconds


@dataclass(frozen=True, slots=True)
class Rejection:
    """An annotation row that gives no sample, with a stable reason code."""

    __pydantic_config__: ClassVar = VALIDATED
    row: str
    reason: Annotated[str, Field(pattern=REASON_CODE)]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A method's input for one sample; by design it does not contain the target frame.

    `input` is the whole frame before the action: RGB, uint8, as stored in the split. `seed` depends
    only on the run's seed and the sample id. `target_offset` is t_target − t_input in seconds, for
    methods that ask for it (`Method.uses_target_time`), else None.
    """

    sample_id: str
    input: Image.Image
    action: str
    description: str | None
    seed: int
    target_offset: float | None = None
