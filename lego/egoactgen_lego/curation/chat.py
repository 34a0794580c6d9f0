"""Chat models: one behind an OpenAI-compatible API, or on this machine."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from egoactgen_bench.endpoints.chat_endpoint import ChatReply, chat
from egoactgen_bench.endpoints.endpoint_client import EndpointClient
from egoactgen_bench.endpoints.reply_costs import Usage
from egoactgen_bench.endpoints.reply_records import endpoint_record
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.hub_snapshots import repository_of
from egoactgen_bench.weights.pretrained import check_vocabulary, load_model, load_processor
from egoactgen_lego.curation.asking import Message
from egoactgen_lego.curation.replies import Replies


class Chat(ABC):
    """A chat model; `ask` may be called from several threads at once."""

    name: str

    def origin(self, replies: Replies) -> dict[str, Any]:
        """Fields of a manifest about the server that replied, if there is one."""
        return {}

    @abstractmethod
    def ask(self, messages: Sequence[Message], draw: int | str = 0) -> ChatReply:
        """The reply to a conversation; another `draw` asks for another reply.

        Raises `SampleError` if this request failed, `BenchError` if every request would fail.
        """


@dataclass(frozen=True)
class ServedChat(Chat):
    """A chat model behind an OpenAI-compatible API."""

    client: EndpointClient
    temperature: float | None = None  # None: the endpoint's default
    max_tokens: int | None = None

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.client.model

    def origin(self, replies: Replies) -> dict[str, Any]:
        client = self.client
        tallies = [replies.tally(client.address.host)]
        record = endpoint_record(client.model, tallies, client.budget.prices)
        return {"endpoint": record.model_dump(mode="json")}

    def ask(self, messages: Sequence[Message], draw: int | str = 0) -> ChatReply:
        return chat(
            self.client,
            messages,
            draw=draw,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
        )


@dataclass(frozen=True)
class Local(Chat):
    """A language model in a transformers folder; decodes greedily, one conversation at a time."""

    folder: Path
    device: str = "auto"
    max_tokens: int = 512

    @property
    def name(self) -> str:  # type: ignore[override]
        return repository_of(self.folder).name

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not (self.folder / "config.json").is_file():
            raise BenchError(f"{self.folder} is not a transformers folder: config.json is missing.")
        tokenizer = load_processor(AutoTokenizer, self.folder)
        model = load_model(AutoModelForCausalLM, self.folder, dtype="auto")
        if not tokenizer.chat_template:
            raise BenchError(f"{self.folder} has no chat template: use an instruction-tuned model.")
        check_vocabulary(tokenizer, model.get_input_embeddings().num_embeddings, self.folder)
        return model.to(resolve_device(self.device)), tokenizer

    def ask(self, messages: Sequence[Message], draw: int | str = 0) -> ChatReply:
        model, tokenizer = self._loaded
        inputs = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(model.device)
        asked = inputs["input_ids"].shape[1]
        made = model.generate(**inputs, do_sample=False, max_new_tokens=self.max_tokens)
        new = made[0, asked:]
        return ChatReply(
            tokenizer.decode(new, skip_special_tokens=True),
            len(new) < self.max_tokens,
            Usage(asked, len(new)),
        )
