"""LLaVA's instruction data: images, questions about them, and answers to learn."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.regular_files import is_relative_name
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_lego.vllm.prompting import IMAGE, QUESTIONS


@dataclass(frozen=True)
class Instruction:
    """One question about an image, with its answer; `action` is None if the data lack it."""

    name: str  # its id, else its index in the data
    image: Path
    question: str
    answer: str
    action: str | None

    def drawn_question(self, seed: int, step: int) -> str:
        """The action in one of the templates, drawn again for each step (section 3.1)."""
        number = derive_seed(seed, "template", str(step), self.name) % len(QUESTIONS)
        return QUESTIONS[number].format(self.action)


def read_instructions(path: Path, images: Path) -> list[Instruction]:
    """The instructions in a JSON list in LLaVA's format; paths of images are relative to `images`.

    Raises `BenchError` for another format, and for missing images.
    """
    found = read_json(path)
    if not isinstance(found, list) or not found:
        raise BenchError(f"{path} is not a JSON list of instructions.")
    instructions = [_instruction(entry, place, path, images) for place, entry in enumerate(found)]
    missing = [one.image for one in instructions if not one.image.is_file()]
    if missing:
        raise BenchError(
            f"{len(missing)} of {len(instructions)} images of {path.name} are missing, the first "
            f"is {missing[0]}: name their folder with --images DIR."
        )
    return instructions


def check_actions(instructions: Sequence[Instruction]) -> None:
    """Raise `BenchError` for data without the actions, which the templates need."""
    without = [one.name for one in instructions if one.action is None]
    if without:
        raise BenchError(
            f"{len(without)} instructions lack the 'action' that the templates need, the first is "
            f"'{without[0]}': use their own questions with -o templates=stored."
        )


def check_words(data: Path, instructions: Sequence[Instruction], tokenizer: Any) -> None:
    """Raise `BenchError` for actions and answers with words that the tokenizer does not know.

    All of them would be learnt as the same unknown word, and be missing in what the model writes.
    """
    unknown = tokenizer.unk_token_id
    if unknown is None:
        return

    def has_unknown(texts: Sequence[str]) -> list[bool]:
        found = tokenizer(list(texts), add_special_tokens=False).input_ids
        return [unknown in ids for ids in found]

    texts = [f"{one.action or ''} {one.answer}" for one in instructions]
    found = [text for text, lacks in zip(texts, has_unknown(texts), strict=True) if lacks]
    if found:
        words = found[0].split()
        named = [word for word, lacks in zip(words, has_unknown(words), strict=True) if lacks]
        raise BenchError(
            f"{data}: {len(found)} of {len(texts)} instructions have words that the VLLM's "
            f"tokenizer does not know, such as '{(named or found)[0]}': choose other --weights, or "
            "change the data."
        )


def shuffled(instructions: Sequence[Instruction], seed: int, epoch: int) -> list[Instruction]:
    """The instructions in the order of an epoch."""
    return sorted(instructions, key=lambda one: derive_seed(seed, "epoch", str(epoch), one.name))


def _instruction(entry: Any, place: int, path: Path, images: Path) -> Instruction:
    try:
        human, gpt = entry["conversations"]
        if (human["from"], gpt["from"]) != ("human", "gpt"):
            raise ValueError("expected one turn of human, one of gpt")
        if human["value"].count(IMAGE) != 1 or IMAGE in gpt["value"]:
            raise ValueError(f"expected one {IMAGE}, in the question")
        if not gpt["value"].strip():
            raise ValueError("the answer is empty")
        if not is_relative_name(entry["image"]):
            raise ValueError("the image is not a path below the folder of images")
        return Instruction(
            str(entry.get("id", place)),
            images / entry["image"],
            human["value"].replace(IMAGE, "").strip(),
            gpt["value"],
            entry.get("action"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"missing {error}" if isinstance(error, KeyError) else str(error)
        raise BenchError(f"{path}: entry {place} is not an instruction ({reason}).") from None
