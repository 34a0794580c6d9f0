"""The interface of a captioner: a network that describes a frame in a sentence."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from PIL import Image

from egoactgen_bench.support.row_store import Revised

CaptionerName = Literal["transformers", "lavis"]
CAPTIONERS: tuple[CaptionerName, ...] = get_args(CaptionerName)


@dataclass(frozen=True)
class Decoding:
    """Options of the beam search; lengths are in tokens, including start token and prompt."""

    prompt: str = "a picture of"
    beams: int = 3
    shortest: int = 5
    longest: int = 20

    def signature(self) -> str:
        return ",".join(f"{key}={value}" for key, value in asdict(self).items())


class Captioner(Revised):
    """Captions frames; equal captioners share a network if a cached function builds it."""

    @abstractmethod
    def caption(self, frames: Sequence[Image.Image]) -> list[str]:
        """One sentence per RGB frame, without the prompt.

        A sentence depends only on its own frame. Frames of one call may differ in size.
        """
