"""Removes the API key from what a server sends, which may repeat it in any message."""

import json

from egoactgen_bench.endpoints.http_exchange import RawReply

SHORTEST_SECRET = 8  # of a key: "none" and the like are words of replies
REMOVED = "***"


def text_without_key(text: str, key: str | None) -> str:
    """A text without the key."""
    return text.replace(key, REMOVED) if key and len(key) >= SHORTEST_SECRET else text


def reply_without_key(reply: RawReply, key: str | None) -> RawReply:
    """A reply without the key, in its headers, its bytes and the texts of its JSON."""
    if not key or len(key) < SHORTEST_SECRET:
        return reply
    headers = {name: text_without_key(value, key) for name, value in reply.headers.items()}
    body = reply.body.replace(key.encode(), REMOVED.encode())
    if b"\\u" in body:  # JSON can write each letter of the key as a number
        body = _without_escaped_key(body, key)
    return RawReply(reply.status, headers, body)


def _without_escaped_key(body: bytes, key: str) -> bytes:
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
    if key not in text:
        return body
    return text.replace(key, REMOVED).encode("utf-8", "replace")
