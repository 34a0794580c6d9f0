"""Calls a method and checks its output, so that a failing sample does not affect the others."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from egoactgen_bench.api.method import Method
from egoactgen_bench.api.plugin_calls import cause, described, returned
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import NOT_A_CODE, BenchError, SampleError


@dataclass(frozen=True)
class Answer:
    """The result of one request: an 8-bit RGB image, or the error that prevented it."""

    output: Image.Image | SampleError
    prompt: str
    seconds: float


def ask(method: Method[Any], requests: Sequence[Request | SampleError]) -> list[Answer]:
    """One answer per request, in order; the answer to a `SampleError` is that error.

    If a batch fails, each of its requests is repeated on its own. A `BenchError` of the method is
    raised, as it concerns the whole run.
    """
    whole = [request for request in requests if isinstance(request, Request)]
    answers = iter(_ask(method, whole) if whole else [])
    return [
        next(answers) if isinstance(request, Request) else Answer(request, "", 0.0)
        for request in requests
    ]


def _ask(method: Method[Any], requests: list[Request]) -> list[Answer]:
    start = time.perf_counter()
    prompts = [""] * len(requests)
    try:
        prompts = [returned(method, "prompt", method.prompt(each)) for each in requests]
        # Copies, so that a method that modifies its input and then fails gets it unchanged again.
        fresh = [replace(request, input=request.input.copy()) for request in requests]
        outputs = _outputs(method.generate(fresh), len(requests))
    except BenchError:
        raise
    except Exception as error:  # noqa: BLE001  third-party code may raise anything
        outputs = [_failure(error, method)]
    # Outside the handler, whose traceback references the failed call's tensors.
    if len(outputs) < len(requests):
        _release_memory()
        return [answer for request in requests for answer in _ask(method, [request])]
    seconds = (time.perf_counter() - start) / len(requests)
    return [Answer(*pair, seconds) for pair in zip(outputs, prompts, strict=True)]


def _outputs(answers: Any, count: int) -> list[Image.Image | SampleError]:
    if not isinstance(answers, Sequence) or len(answers) != count:
        raise SampleError(
            "invalid_output",
            f"generate returned {described(answers)} instead of a list of {count} images",
        )
    return [_checked(answer) for answer in answers]


def _checked(answer: Any) -> Image.Image | SampleError:
    if isinstance(answer, SampleError):
        return _valid(answer)
    if not isinstance(answer, Image.Image) or answer.mode != "RGB" or 0 in answer.size:
        return SampleError(
            "invalid_output", f"{described(answer)} instead of an 8-bit RGB PIL image"
        )
    try:
        answer.load()
    except (OSError, SyntaxError, ValueError) as error:
        return SampleError("invalid_output", f"an image that cannot be decoded: {error}")
    return answer


def _valid(error: SampleError) -> SampleError:
    """The error, or one that says why it cannot be recorded."""
    if error.is_valid:
        return error
    return SampleError("invalid_output", f"{error!r}, {NOT_A_CODE}")


def _failure(error: Exception, method: Method[Any]) -> SampleError:
    if isinstance(error, SampleError):
        return _valid(error)
    text = cause(error, method)
    # torch.OutOfMemoryError by name, to avoid importing torch for a method that does not use it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return SampleError("out_of_memory", text)
    return SampleError("method_error", text)


def _release_memory() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
