"""The interface of a vision-language model that answers questions about images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from egoactgen_bench.errors import SampleError


@dataclass(frozen=True, eq=False)
class Question:
    """A text, the images that it is about, in its order, and the JSON schema of the reply."""

    text: str
    images: Sequence[Image.Image]
    schema: Mapping[str, Any]


class ImageJudge(Protocol):
    """A vision-language model, behind an endpoint or on this machine.

    Metrics get it as `context.judge`. Its `model`, `version` and `decoding` state how it answers,
    and belong into the signatures of metrics.
    """

    @property
    def model(self) -> str:
        """The name of the model."""
        ...

    @property
    def version(self) -> str:
        """What the endpoint reports as its model, or the hash of local weights."""
        ...

    @property
    def decoding(self) -> str:
        """The parameters of the request, as text."""
        ...

    def obstacle(self) -> str | None:
        """A sentence about why it cannot answer now and how to fix it, or None."""
        ...

    def answers(self, questions: Sequence[Question]) -> list[str | SampleError]:
        """The text of each reply, in the order of the questions, or why it is missing.

        An answer depends only on its own question. Raises `BenchError` if no question can be
        answered, or a limit is reached.
        """
        ...
