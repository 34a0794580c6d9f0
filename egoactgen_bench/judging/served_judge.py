"""A vision-language model behind an OpenAI-compatible endpoint as a judge."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.endpoints.chat_endpoint import chat, user_message
from egoactgen_bench.endpoints.endpoint_client import EndpointClient
from egoactgen_bench.endpoints.input_images import InputImage
from egoactgen_bench.endpoints.reply_errors import short_line
from egoactgen_bench.endpoints.request_threads import in_threads
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.judging.judge_options import FORMAT

DEFAULTS: dict[str, Any] = {"temperature": 0, "max_tokens": 512}
PROBE = "Reply with the word: ready"
UNREPORTED = "unreported"
NOT_ASKED = "not asked"


class ServedJudge:
    """Asks a model behind an endpoint, several questions at a time.

    Replies are kept by the content of the question and by the version that the endpoint reports, so
    that no question is asked twice, and replies of two versions are never mixed. The version is
    that of the first reply, to a short text, which is kept as well; with `fresh`, it is asked for
    again. `offline` asks nothing, for estimates.
    """

    def __init__(
        self,
        client: EndpointClient,
        concurrency: int = 8,
        parameters: Mapping[str, Any] | None = None,
        *,
        fresh: bool = False,
        offline: bool = False,
    ) -> None:
        self.client = client
        self.model = client.model
        self._concurrency = concurrency
        self._parameters = DEFAULTS | dict(parameters or {})
        self._fresh = fresh
        self._offline = offline

    @property
    def decoding(self) -> str:
        given = {
            name: value
            for name, value in self._parameters.items()
            if value is not None or name == FORMAT
        }
        return json.dumps(given, sort_keys=True, separators=(",", ":"))

    @property
    def version(self) -> str:
        if isinstance(self._reported, SampleError):
            raise BenchError(str(self.obstacle()))
        return self._reported

    @cached_property
    def _reported(self) -> str | SampleError:
        """The version, or why it is unknown; asked for once, as an attempt may take minutes."""
        if self._offline:
            return NOT_ASKED
        probe = [user_message(PROBE)]
        try:
            reply = chat(self.client, probe, again=self._fresh, draw="version", **self._parameters)
        except SampleError as error:
            return error
        return reply.version or UNREPORTED

    def obstacle(self) -> str | None:
        if isinstance(self._reported, str):
            return None
        return (
            f"The judge '{self.model}' at {self.client.address.host} does not reply "
            f"({self._reported}): correct --judge-model, --judge-url or --judge-parameters, or "
            "try again later."
        )

    def answers(self, questions: Sequence[Question]) -> list[str | SampleError]:
        # One object per image, as encoding takes most of the time of a request.
        images = {id(image): InputImage(image) for each in questions for image in each.images}

        def answer(question: Question) -> str | SampleError:
            return self._answer(question, [images[id(image)] for image in question.images])

        return in_threads(answer, questions, self._concurrency)

    def _answer(self, question: Question, images: list[InputImage]) -> str | SampleError:
        message = user_message(question.text, images)
        schema = None if FORMAT in self._parameters else question.schema
        asked = {"schema": schema, "draw": self.version, **self._parameters}
        try:
            reply = chat(self.client, [message], **asked)
        except SampleError as error:
            return error
        if (reply.version or UNREPORTED) != self.version:
            return SampleError(
                "other_version",
                f"the endpoint now reports {short_line(reply.version)}, not {self.version}: score "
                "again with --overwrite",
            )
        return reply.text
