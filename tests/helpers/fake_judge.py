"""A judge without a model, whose answers depend on the images alone."""

import hashlib
import json
from collections.abc import Callable, Sequence

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.errors import SampleError

Reply = Callable[[Question], str | SampleError]


def level(question: Question) -> int:
    """A number that differs between questions."""
    digest = hashlib.sha256(question.text.encode())
    for image in question.images:
        digest.update(image.tobytes())
    return digest.digest()[0] % 5


def score(question: Question) -> str:
    """A readable reply: any score, and the better one of two images by their bytes."""
    if "better" in question.schema["properties"]:
        second, third = (image.tobytes() for image in question.images[-2:])
        return json.dumps({"reason": "bytes", "better": "second" if second > third else "third"})
    return json.dumps({"reason": "a hash", "score": level(question)})


class FakeJudge:
    """Answers with `reply`, and counts the questions."""

    model, version, decoding = "fake", "fake-1", "{}"

    def __init__(self, reply: Reply = score) -> None:
        self.reply = reply
        self.asked: list[Question] = []

    def obstacle(self) -> str | None:
        return None

    def answers(self, questions: Sequence[Question]) -> list[str | SampleError]:
        self.asked += questions
        return [self.reply(question) for question in questions]
