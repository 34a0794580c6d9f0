"""Which of two images a vision-language model prefers, asked in both orders."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.errors import SampleError
from egoactgen_bench.metrics.vlm.judge_replies import ORDER_SCHEMA, ORDERS, read_order
from egoactgen_bench.metrics.vlm.judged_metrics import JudgedMetric, fitted
from egoactgen_bench.support.images import resize

COPY_INPUT = "copy-input"


class PreferenceOptions(Options):
    """What the images of a run are compared with."""

    against: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{1,128}$",
            description="run or reference to compare with; copy-input is the input frame",
        ),
    ] = COPY_INPUT


class VlmPrefers(JudgedMetric[PreferenceOptions]):
    """Share of both orders in which a vision-language model prefers the output to another image.

    0.5 if the two orders disagree: then the judge prefers a place, not an image.
    """

    name, label, position = "vlm_prefers", "VLM: preferred", 11
    Options = PreferenceOptions
    prompt_name = "prefers-1"
    controls = ("input", "other target")
    questions_per_sample = 2

    def __init__(self, options: PreferenceOptions, context: MetricContext) -> None:
        super().__init__(options, context)
        self.needs = frozenset({"input", "output", "action"})
        if options.against != COPY_INPUT:
            self.against = options.against
            self.needs |= {"against"}

    def values(self, batch: Batch) -> Sequence[float | SampleError]:
        frames, outputs = batch.images("input"), fitted(batch)
        others = frames if self.against is None else batch.images("against")
        others = [resize(other, frame.size) for other, frame in zip(others, frames, strict=True)]
        # Equal images give the same request in both orders, whose reply names one place.
        asked = [
            place
            for place, (output, other) in enumerate(zip(outputs, others, strict=True))
            if output.tobytes() != other.tobytes()
        ]
        questions: list[Question] = []
        for place in asked:
            prompt = self.prompt.about(batch.texts("action")[place])
            frame, output, other = frames[place], outputs[place], others[place]
            questions += [
                Question(prompt, [frame, output, other], ORDER_SCHEMA),
                Question(prompt, [frame, other, output], ORDER_SCHEMA),
            ]
        answers = self.judge.answers(questions)
        found: list[float | SampleError] = [0.5] * len(frames)
        for number, place in enumerate(asked):
            found[place] = _share(*answers[2 * number : 2 * number + 2])
        return found


def _share(first: str | SampleError, swapped: str | SampleError) -> float | SampleError:
    """The value of a sample, whose output is the second image, and then the third."""
    wins = 0
    for answer, own in zip((first, swapped), ORDERS, strict=True):
        if isinstance(answer, SampleError):
            return answer
        try:
            wins += read_order(answer) == own
        except SampleError as error:
            return error
    return wins / 2
