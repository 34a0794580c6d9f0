"""What a captioner is: a network that says in a sentence what a frame shows."""

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
    """How a sentence is searched for; lengths are in tokens, start token and prompt included."""

    prompt: str = "a picture of"
    beams: int = 3
    shortest: int = 5
    longest: int = 20

    def signature(self) -> str:
        return ",".join(f"{key}={value}" for key, value in asdict(self).items())


class Captioner(Revised):
    """Captions frames; build its network in a cached function, so that equal ones share it."""

    @abstractmethod
    def caption(self, frames: Sequence[Image.Image]) -> list[str]:
        """One sentence per RGB frame, without the prompt.

        A sentence depends on its own frame alone. Frames of one call may differ in size.
        """
