"""One HTTP request and its reply, within bounds of time and size.

HTTP clients limit the time of each read. A server that sends a byte per second would hold a request
for as long as it likes, and one that sends a compressed reply could fill the memory.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from egoactgen_bench.errors import BenchError

LARGEST_ERROR = 1 << 16  # bytes that are read of the reply to a failed request
MOST_VALUES = 1 << 20  # of the JSON of a reply
ResultT = TypeVar("ResultT")


class OutOfBoundsError(Exception):
    """A reply that is too large, or compressed, or would be too large when parsed."""


@dataclass(frozen=True)
class HttpRequest:
    """A request; `content` are arguments of the HTTP library: `json`, or `data` and `files`."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)  # with the key
    content: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class RawReply:
    """A complete reply: its status, its headers in lower case, and its bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def new_http_client(use_proxies: bool) -> Any:
    """An HTTP client that follows no redirects.

    A redirect would send the request, and perhaps the key, to another server; so would a proxy of
    the environment for a server on this machine.
    """
    try:
        # The HTTP library of openai, which is another one in newer releases.
        from openai import DefaultHttpxClient
    except ModuleNotFoundError:
        raise BenchError(
            "Endpoints need the package openai: run pip install 'egoactgen-bench[endpoint]'."
        ) from None
    return DefaultHttpxClient(
        follow_redirects=False, trust_env=use_proxies, headers={"Accept-Encoding": "identity"}
    )


def exchange(client: Any, request: HttpRequest, largest: int, seconds: float) -> RawReply:
    """Send a request and read its reply of at most `largest` bytes.

    Raises `OutOfBoundsError`, `TimeoutError`, and the errors of the HTTP library. The bounds of
    time cover the body; see `within` for a server that never finishes the headers.
    """
    end = time.monotonic() + seconds
    with client.stream(
        request.method,
        request.url,
        headers=dict(request.headers),
        timeout=seconds,
        **request.content,
    ) as response:
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            # Not named, since the header may contain anything.
            raise OutOfBoundsError("the reply is compressed, which was not requested")
        body = bytearray()
        succeeded = response.status_code < 300
        for chunk in response.iter_raw():
            body += chunk
            if succeeded and len(body) > largest:
                raise OutOfBoundsError(f"the reply is larger than {largest:,} bytes")
            if not succeeded and len(body) > LARGEST_ERROR:
                break
            if time.monotonic() > end:
                raise TimeoutError(f"the reply takes longer than {seconds:.0f} s")
        # Before they are parsed: an empty list takes 30 times as much memory as its two characters.
        if request.method == "POST" and sum(map(body.count, (b"[", b"{", b","))) > MOST_VALUES:
            raise OutOfBoundsError(f"the reply has more than {MOST_VALUES:,} values")
        headers = {name.lower(): value for name, value in response.headers.items()}
        return RawReply(response.status_code, headers, bytes(body))


def within(seconds: float, call: Callable[[], ResultT]) -> ResultT:
    """The result of `call`; `TimeoutError` if it takes longer, whatever it waits for.

    Such a call is abandoned in a thread, which does not keep the process from ending.
    """
    answers: queue.Queue[tuple[bool, Any]] = queue.Queue(1)

    def run() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            answers.put((False, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        done, answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no complete reply within {seconds:.0f} s") from None
    if not done:
        raise answer
    result: ResultT = answer
    return result
