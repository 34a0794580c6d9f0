"""The strict reader of a judge's reply: a JSON object as requested, or nothing."""

import re
from collections.abc import Mapping
from typing import Any

from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.files import parse_json

UNREADABLE = "unreadable_reply"
LONGEST = 1 << 16  # characters
LEVELS = 4  # the highest score
ORDERS = ("second", "third")
# Models without structured output often wrap JSON in a block of Markdown, which changes nothing.
_BLOCK = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)


def _schema(name: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        # The reason comes first, so that the answer can follow from it.
        "properties": {"reason": {"type": "string"}, name: dict(answer)},
        "required": ["reason", name],
        "additionalProperties": False,
    }


SCORE_SCHEMA = _schema("score", {"type": "integer", "enum": list(range(LEVELS + 1))})
ORDER_SCHEMA = _schema("better", {"type": "string", "enum": list(ORDERS)})


def read_score(text: str) -> float:
    """The score of a reply in [0, 1]. Raises `SampleError` for anything else."""
    score = _answer(text, "score")
    # A bool is an int in Python; 3.0 and "3" are not what was asked for.
    if type(score) is not int or not 0 <= score <= LEVELS:
        raise SampleError(UNREADABLE, f"the score is not one of 0 to {LEVELS}")
    return score / LEVELS


def read_order(text: str) -> str:
    """The better one of two images, `second` or `third`. Raises `SampleError`."""
    better = _answer(text, "better")
    if not (isinstance(better, str) and better in ORDERS):
        raise SampleError(UNREADABLE, "the better image is not 'second' or 'third'")
    return better


def _answer(text: str, name: str) -> Any:
    text = text.strip()
    block = _BLOCK.match(text)
    found = _object(block[1] if block else text)
    if found.keys() != {"reason", name} or not isinstance(found["reason"], str):
        raise SampleError(UNREADABLE, f"the reply does not have exactly 'reason' and '{name}'")
    return found[name]


def _object(text: str) -> dict[str, Any]:
    """The only JSON object in a text."""
    if not text or len(text) > LONGEST:
        raise SampleError(UNREADABLE, "the reply is too long" if text else "the reply is empty")
    try:
        found = parse_json(text, _distinct)
    except ValueError:
        raise SampleError(UNREADABLE, "the reply is not a JSON object, or is cut off") from None
    if not isinstance(found, dict):
        raise SampleError(UNREADABLE, "the reply is not a JSON object")
    return found


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys occur once: of two scores, none is the right one."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key occurs twice")
    return dict(pairs)
