"""Scores of a vision-language model for one image: action, scene and hands."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.api.image_judge import ImageJudge, Question
from egoactgen_bench.api.metric import Metric, Rows
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.metrics.vlm.judge_prompts import JudgePrompt, load_prompt
from egoactgen_bench.metrics.vlm.judge_replies import SCORE_SCHEMA, read_score
from egoactgen_bench.support.images import resize

OptionsT = TypeVar("OptionsT", bound=Options)
NO_JUDGE = (
    "the vlm_ metrics need a judge: name a vision-language model with `--judge-model NAME` or "
    "`--judge-weights DIR` (docs/judge.md)"
)


class JudgedMetric(Metric[OptionsT]):
    """Base of metrics that a vision-language model judges."""

    factor, decimals = 100, 1
    higher_is_better = True
    bounds = (0.0, 1.0)
    packages = ("pillow",)
    prompt_name: ClassVar[str]

    @property
    def prompt(self) -> JudgePrompt:
        return load_prompt(self.prompt_name)

    @property
    def judge(self) -> ImageJudge:
        if self.context.judge is None:
            raise BenchError(f"{NO_JUDGE}.")
        return self.context.judge

    def obstacle(self) -> str | None:
        return NO_JUDGE if self.context.judge is None else self.context.judge.obstacle()

    def facts(self) -> Mapping[str, str]:
        """Who judges and how; not at which address, which does not affect a reply."""
        found = self.context.judge
        named = (found.model, found.version, found.decoding) if found else ("none",) * 3
        texts = dict(zip(("judge", "version", "decoding"), map(_signable, named), strict=True))
        return texts | {"prompt": self.prompt.signed, "resize": "lanczos"}

    def note(self) -> str:
        judge = self.judge
        return (
            f"judged by {judge.model} (reported version: {judge.version}) with prompt "
            f"{self.prompt.signed}"
        )

    def measure(self, batch: Batch) -> Rows:
        """(n, 1) float32, or a list with a `SampleError` for each unreadable reply."""
        found = self.values(batch)
        rows: list[NDArray[np.float32] | SampleError] = [
            each if isinstance(each, SampleError) else np.array([each], np.float32)
            for each in found
        ]
        complete = [row for row in rows if not isinstance(row, SampleError)]
        return np.stack(complete) if len(complete) == len(rows) else rows

    @abstractmethod
    def values(self, batch: Batch) -> Sequence[float | SampleError]:
        """The value of each sample, or why it has none."""


def _signable(text: str) -> str:
    """A text without the character that separates the parts of a signature."""
    return text.replace("|", "/")[:256]


def fitted(batch: Batch) -> list[Image.Image]:
    """The outputs, resized to the size of the input frame, which is that of the target."""
    outputs = batch.images("output", fit=None)
    pairs = zip(outputs, batch.images("input"), strict=True)
    return [resize(output, frame.size) for output, frame in pairs]


class Rated(JudgedMetric[Options]):
    """Base of metrics with one question per image, whose answer is one of five levels."""

    @abstractmethod
    def questions(self, batch: Batch) -> list[Question]:
        """The question about each sample."""

    def values(self, batch: Batch) -> Sequence[float | SampleError]:
        answers = self.judge.answers(self.questions(batch))
        return [_read(answer) for answer in answers]

    def question(self, images: Sequence[Image.Image], action: str = "") -> Question:
        """A question about images."""
        return Question(self.prompt.about(action), images, SCORE_SCHEMA)


def _read(answer: str | SampleError) -> float | SampleError:
    if isinstance(answer, SampleError):
        return answer
    try:
        return read_score(answer)
    except SampleError as error:
        return error


class VlmAction(Rated):
    """How well the output shows the requested action, as judged by a vision-language model."""

    name, label, position = "vlm_action", "VLM: action", 8
    needs = frozenset({"input", "output", "action"})
    prompt_name = "action-1"
    controls = ("input", "other target")

    def questions(self, batch: Batch) -> list[Question]:
        shown = zip(batch.images("input"), fitted(batch), batch.texts("action"), strict=True)
        return [self.question([frame, output], action) for frame, output, action in shown]


class VlmScene(Rated):
    """Whether the output shows the scene of the input, as judged by a vision-language model."""

    name, label, position = "vlm_scene", "VLM: scene", 9
    needs = frozenset({"input", "output"})
    prompt_name = "scene-1"
    controls = ("other target",)

    def questions(self, batch: Batch) -> list[Question]:
        shown = zip(batch.images("input"), fitted(batch), strict=True)
        return [self.question([frame, output]) for frame, output in shown]


class VlmHands(Rated):
    """Whether the hands in the output look real, as judged by a vision-language model."""

    name, label, position = "vlm_hands", "VLM: hands", 10
    needs = frozenset({"input", "output"})  # the input determines the size
    prompt_name = "hands-1"

    def questions(self, batch: Batch) -> list[Question]:
        return [self.question([output]) for output in fitted(batch)]
