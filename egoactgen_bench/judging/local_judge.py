"""A vision-language model of transformers as a judge on this machine."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from egoactgen_bench.api.image_judge import Question
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.hub_snapshots import repository_of, snapshot_in
from egoactgen_bench.support.provenance import content_digest
from egoactgen_bench.weights.pretrained import load_model, load_processor, refusing

LONGEST = 512  # tokens of a reply


class LocalJudge:
    """Asks a model in a folder in transformers' format, one question after the other.

    The most probable token is always chosen. The model is loaded with the first question.
    """

    def __init__(self, folder: Path, device: str = "cpu", longest: int = LONGEST) -> None:
        if not folder.is_dir():
            raise BenchError(f"--judge-weights: {folder} is not a folder.")
        self.folder = snapshot_in(folder)
        self.model = repository_of(folder).name
        self._device = device
        self._longest = longest

    @cached_property
    def version(self) -> str:
        return content_digest(self.folder)[:12]

    @property
    def decoding(self) -> str:
        return json.dumps({"greedy": True, "max_new_tokens": self._longest})

    def obstacle(self) -> str | None:
        return None

    def answers(self, questions: Sequence[Question]) -> list[str | SampleError]:
        return [self._answer(question) for question in questions]

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """The network and its processor."""
        from transformers import AutoModelForImageTextToText, AutoProcessor

        processor = load_processor(AutoProcessor, self.folder)
        if not getattr(processor, "chat_template", None):
            raise BenchError(
                f"{self.folder} has no chat template (chat_template.jinja): use a model that was "
                "tuned for conversations."
            )
        network = load_model(AutoModelForImageTextToText, self.folder, dtype="auto")
        return network.to(self._device), processor

    def _answer(self, question: Question) -> str:
        import torch

        network, processor = self._loaded
        shown = [{"type": "image", "image": image} for image in question.images]
        message = {"role": "user", "content": [*shown, {"type": "text", "text": question.text}]}
        with refusing(self.folder), torch.inference_mode():
            inputs = processor.apply_chat_template(
                [message],
                tokenize=True,
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self._device, dtype=network.dtype)
            tokens = network.generate(
                **inputs, do_sample=False, num_beams=1, max_new_tokens=self._longest
            )
            new = tokens[0, inputs["input_ids"].shape[1] :]
            text: str = processor.decode(new, skip_special_tokens=True)
        return text.strip()
