"""What an endpoint's error says: a refusal of the content, or that every request would fail."""

import json
from typing import Any

from egoactgen_bench.endpoints.http_exchange import RawReply
from egoactgen_bench.errors import BenchError

# Codes of OpenAI, Azure and servers that follow them, and phrases of their messages.
REFUSAL_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "moderation_blocked",
        "responsible_ai_policy_violation",
        "responsibleaipolicyviolation",
    }
)
REFUSAL_PHRASES = ("safety system", "content management policy", "content policy")
REFUSAL_STATUSES = (400, 403, 422)


def error_of(reply: RawReply) -> dict[str, Any]:
    """The `error` object of a reply; empty if it has none."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    found = found.get("error", found) if isinstance(found, dict) else {}
    if isinstance(found, str):
        return {"message": found}
    return found if isinstance(found, dict) else {}


def error_text(reply: RawReply) -> str:
    """What a reply says about the error, as one short line; "" if it says nothing."""
    error = error_of(reply)
    message = error.get("message") or error.get("detail")
    return short_line(message) if isinstance(message, str) else ""


def is_refusal(reply: RawReply) -> bool:
    """Whether a server refuses the content of a request, not its form."""
    if reply.status not in REFUSAL_STATUSES:
        return False
    error = error_of(reply)
    inner = error.get("innererror")
    codes = [error.get("code"), inner.get("code") if isinstance(inner, dict) else None]
    if any(isinstance(code, str) and code.lower() in REFUSAL_CODES for code in codes):
        return True
    return any(phrase in error_text(reply).lower() for phrase in REFUSAL_PHRASES)


def refuse_the_call(reply: RawReply, host: str, model: str) -> None:
    """Raise `BenchError` for an error that every other request would also get."""
    if 300 <= reply.status < 400:
        raise BenchError(
            f"{host} redirects to another address ({reply.status}), which is not followed: give "
            "the final address as the base URL."
        )
    if reply.status in (401, 403):
        raise BenchError(
            f"{host} rejects the key ({reply.status}): set the environment variable "
            "OPENAI_API_KEY, or give another key."
        )
    if reply.status == 404:
        raise BenchError(
            f"{host} has no model '{model}', or no such API at this base URL (404): correct the "
            "model or the base URL, which usually ends in /v1."
        )
    if reply.status == 402 or error_of(reply).get("code") == "insufficient_quota":
        raise BenchError(
            f"The account at {host} has no quota left ({reply.status}): top it up; the same "
            "command then continues."
        )


def short_line(text: str) -> str:
    """The first line of a text from a server, without characters that could move the cursor."""
    line = text.strip().partition("\n")[0][:200]
    return "".join(letter if letter.isprintable() else "?" for letter in line)
