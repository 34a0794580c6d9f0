"""Prompts for the language model that describes actions, and the check of its replies."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.boxes.named_boxes import Box, Boxes, boxes_of
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json

WORDS = (8, 300)  # the minimum and maximum number of words of a description

INSTRUCTION = (
    "You are told an action that a person is about to do, seen through the person's own eyes, and "
    "where hands and objects are in the picture just before the action and during it. Boxes are "
    "[left, top, right, bottom] as fractions of the picture's width and height. "
    "Describe in two or three sentences of the present tense how the person does this action: "
    "which hand does what, how it holds and moves the objects, and in which direction. "
    'Call the person "the person". Name no number of a box and nothing that is not told. '
    'Answer with one JSON object {"description": "..."} and nothing else.'
)

Message = dict[str, Any]


@dataclass(frozen=True)
class Query:
    """An action's label, and the boxes before and during it if they are known."""

    action: str
    boxes: Boxes

    def text(self) -> str:
        """The query as the language model reads it."""
        lines = [f"Action: {self.action}"]
        for moment, boxes in (("Before", self.boxes.before), ("During", self.boxes.during)):
            if boxes:
                lines += [f"{moment}:", *(_line(box) for box in boxes)]
        return "\n".join(lines)


@dataclass(frozen=True)
class Example:
    """A worked example: a query and its description."""

    query: Query
    description: str


def read_examples(path: Path) -> list[Example]:
    """Worked examples from a JSON list of {action, before, during, description}."""
    found = read_json(path)
    try:
        return [
            Example(Query(entry["action"], boxes_of(entry)), _checked(entry["description"]))
            for entry in found
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise BenchError(
            f"{path} is not a list of worked examples (action, before, during, description): "
            f"{error}."
        ) from None


def messages(examples: Sequence[Example], query: Query) -> list[Message]:
    """The conversation that requests the description of a query, after the examples."""
    asked = [{"role": "system", "content": INSTRUCTION}]
    for example in examples:
        answer = json.dumps({"description": example.description}, ensure_ascii=False)
        asked += [
            {"role": "user", "content": example.query.text()},
            {"role": "assistant", "content": answer},
        ]
    return [*asked, {"role": "user", "content": query.text()}]


def description_in(reply: str) -> str:
    """The description in a reply, on one line.

    Raises `ValueError` for a reply in another format: a model that does not follow the instruction
    has not understood it, and its text must not become training data.
    """
    fenced = re.fullmatch(r"\s*```(?:json)?\s*(.*?)\s*```\s*", reply, re.DOTALL)
    try:
        found: Any = json.loads(fenced[1] if fenced else reply)
    except (ValueError, RecursionError):
        raise ValueError("not a JSON object") from None
    if not isinstance(found, dict) or found.keys() != {"description"}:
        raise ValueError('not {"description": "..."}')
    return _checked(found["description"])


def _checked(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError("the description is not a text")
    line = " ".join(text.split())
    if not WORDS[0] <= len(line.split()) <= WORDS[1]:
        raise ValueError(f"{len(line.split())} words, expected {WORDS[0]} to {WORDS[1]}")
    if not line.isprintable():
        raise ValueError("unprintable characters")
    if re.search(r"\[\s*[01]?\.\d", line):
        raise ValueError("the description repeats the boxes")
    return line


def _line(box: Box) -> str:
    return f"- {box.name}: [{', '.join(f'{edge:.2f}' for edge in box.edges)}]"
