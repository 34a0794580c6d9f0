"""Chat completions: a conversation with texts and images, and the reply's text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egoactgen_bench.endpoints.endpoint_client import EndpointClient, EndpointRequest
from egoactgen_bench.endpoints.input_images import InputImage
from egoactgen_bench.endpoints.reply_costs import Usage
from egoactgen_bench.endpoints.reply_errors import short_line
from egoactgen_bench.errors import SampleError

LARGEST_CHAT = 4 << 20  # bytes of a reply, a thousand times those of a long description
Message = dict[str, Any]


@dataclass(frozen=True)
class ChatReply:
    """A reply: its text, whether it is complete, its usage, and the model that it names.

    `version` is the model alone, `model` also names the configuration of the server, which may
    differ between replies.
    """

    text: str
    ended: bool
    usage: Usage
    model: str = ""
    version: str = ""


def user_message(text: str, images: Sequence[InputImage] = ()) -> Message:
    """A message of the user, with images before the text."""
    if not images:
        return {"role": "user", "content": text}
    shown = [{"type": "image_url", "image_url": {"url": image}} for image in images]
    return {"role": "user", "content": [*shown, {"type": "text", "text": text}]}


def chat(
    client: EndpointClient,
    messages: Sequence[Message],
    *,
    schema: Mapping[str, Any] | None = None,
    draw: int | str = 0,
    again: bool = False,
    **parameters: Any,
) -> ChatReply:
    """The reply to a conversation; raises as `EndpointClient.ask`, which explains `again`.

    `schema` is the JSON schema of the reply's text. `parameters` are those of the API, such as
    `temperature`, `max_tokens` and `seed`; None leaves the endpoint's default.
    """
    body: dict[str, Any] = {"model": client.model, "messages": list(messages)}
    body |= {name: value for name, value in parameters.items() if value is not None}
    if schema is not None:
        described = {"name": "reply", "strict": True, "schema": dict(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
    return client.ask(EndpointRequest("chat/completions", body, draw=draw), _read, again=again)


def _read(found: dict[str, Any]) -> ChatReply:
    choices = found.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise SampleError("bad_reply", "the reply contains no message")
    finish, refusal = choice.get("finish_reason"), message.get("refusal")
    if finish == "content_filter" or (isinstance(refusal, str) and refusal):
        raise SampleError("refused", short_line(refusal) if isinstance(refusal, str) else "")
    text = message.get("content")
    if not isinstance(text, str | None):
        raise SampleError("bad_reply", "the reply's message is not a text")
    # JSON can contain halves of surrogate pairs, which no file can store.
    whole = (text or "").encode("utf-8", "replace").decode("utf-8")
    named = found.get("model")
    version = short_line(named)[:128] if isinstance(named, str) else ""
    usage = Usage.of(found.get("usage"))
    return ChatReply(whole, finish == "stop", usage, reported_model(found), version)


def reported_model(found: Mapping[str, Any]) -> str:
    """The model that a reply names, with the version of the server's configuration."""
    names = (found.get("model"), found.get("system_fingerprint"))
    return " ".join(short_line(name)[:128] for name in names if isinstance(name, str) and name)
