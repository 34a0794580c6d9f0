"""Chat models: any endpoint with OpenAI's chat protocol, or a model on this machine."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.weights.pretrained import load_model, load_processor
from egoactgen_lego.curation.asking import Message
from egoactgen_lego.curation.bounded_requests import bounded_client, within

LONGEST_DELAY = 60.0  # seconds between attempts that the client accepts of a Retry-After


@dataclass(frozen=True)
class Reply:
    """A reply: its text, whether it is complete, and the number of input and output tokens."""

    text: str
    ended: bool
    tokens_in: int
    tokens_out: int


class NoReply(Exception):  # noqa: N818
    """A request failed after all retries; other requests may succeed."""


class Chat(ABC):
    """A chat model; `ask` may be called from several threads at once."""

    name: str

    @abstractmethod
    def ask(self, messages: Sequence[Message]) -> Reply:
        """Raises `NoReply` if this request failed, `BenchError` if every request would fail."""


@dataclass(frozen=True)
class Endpoint(Chat):
    """An OpenAI-compatible endpoint, called through the official client.

    The client retries after time-outs, broken connections, 408, 409, 429 and 5xx, with growing
    delays or after the server's Retry-After. A reply is read within bounds, and redirects are not
    followed: see `bounded_requests`.
    """

    name: str
    base_url: str | None
    key: str
    retries: int = 6
    timeout: float = 60.0  # of one attempt's reads, and of its whole reply, in seconds
    temperature: float | None = None  # None: the endpoint's default
    max_tokens: int | None = None

    @cached_property
    def _client(self) -> Any:
        try:
            from openai import OpenAI
        except ModuleNotFoundError:
            raise BenchError(
                "Chat endpoints need the package openai: run pip install 'egoactgen-bench[curate]'."
            ) from None
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise BenchError(f"--base-url is '{self.base_url}', expected http://… or https://….")
        return OpenAI(
            http_client=bounded_client(self.timeout),
            base_url=self.base_url,
            api_key=self.key,
            max_retries=self.retries,
            timeout=self.timeout,
        )

    def ask(self, messages: Sequence[Message]) -> Reply:
        client = self._client
        import openai

        chosen = {"temperature": self.temperature, "max_tokens": self.max_tokens}
        given = {key: value for key, value in chosen.items() if value is not None}
        try:
            return within(
                self._longest,
                lambda: _reply(
                    client.chat.completions.create(
                        model=self.name, messages=list(messages), **given
                    )
                ),
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise BenchError(
                f"{self._place} rejects the key ({error.status_code}): "
                "set OPENAI_API_KEY or pass --key."
            ) from None
        except openai.NotFoundError:
            raise BenchError(
                f"{self._place} has no model '{self.name}', or no chat API at this URL (404): "
                "correct --model or --base-url."
            ) from None
        except openai.APIStatusError as error:
            if 300 <= error.status_code < 400:
                raise BenchError(
                    f"{self._place} redirects to another address ({error.status_code}), which is "
                    "not followed: pass the final address as --base-url."
                ) from None
            raise NoReply(f"{type(error).__name__}: {_first_line(error)}") from None
        except Exception as error:  # noqa: BLE001  a reply can be malformed in any way
            raise NoReply(_cause(error)) from None

    @property
    def _longest(self) -> float:
        """Seconds of a request with all its attempts, and the delays between them."""
        return (2 * self.timeout + LONGEST_DELAY) * (self.retries + 1)

    @property
    def _place(self) -> str:
        return self.base_url or "The OpenAI API"


def _reply(answer: Any) -> Reply:
    choice, usage = answer.choices[0], answer.usage
    # JSON can contain halves of surrogate pairs, which no file can store.
    text = (choice.message.content or "").encode("utf-8", "replace").decode("utf-8")
    return Reply(
        text,
        choice.finish_reason == "stop",
        usage.prompt_tokens if usage else 0,
        usage.completion_tokens if usage else 0,
    )


def _cause(error: Exception) -> str:
    """What failed: the client's errors of a connection state it in their cause only."""
    if isinstance(error.__cause__, OSError):
        error = error.__cause__
    return f"{type(error).__name__}: {_first_line(error)}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200]


@dataclass(frozen=True)
class Local(Chat):
    """A language model in a transformers folder; decodes greedily, one conversation at a time."""

    folder: Path
    device: str = "auto"
    max_tokens: int = 512

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.folder.name

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not (self.folder / "config.json").is_file():
            raise BenchError(f"{self.folder} is not a transformers folder: config.json is missing.")
        tokenizer = load_processor(AutoTokenizer, self.folder)
        model = load_model(AutoModelForCausalLM, self.folder, dtype="auto")
        if not tokenizer.chat_template:
            raise BenchError(f"{self.folder} has no chat template: use an instruction-tuned model.")
        return model.to(resolve_device(self.device)), tokenizer

    def ask(self, messages: Sequence[Message]) -> Reply:
        model, tokenizer = self._loaded
        inputs = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(model.device)
        asked = inputs["input_ids"].shape[1]
        made = model.generate(**inputs, do_sample=False, max_new_tokens=self.max_tokens)
        new = made[0, asked:]
        return Reply(
            tokenizer.decode(new, skip_special_tokens=True),
            len(new) < self.max_tokens,
            asked,
            len(new),
        )
