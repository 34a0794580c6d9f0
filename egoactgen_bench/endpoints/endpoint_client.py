"""The client of an endpoint: retries within a total time, bounded replies, all of them kept."""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from egoactgen_bench.endpoints.endpoint_address import OPENAI_HOST, EndpointAddress
from egoactgen_bench.endpoints.http_exchange import (
    HttpRequest,
    OutOfBoundsError,
    RawReply,
    exchange,
    new_http_client,
    within,
)
from egoactgen_bench.endpoints.input_images import InputImage
from egoactgen_bench.endpoints.kept_replies import KeptReplies
from egoactgen_bench.endpoints.key_removal import reply_without_key, text_without_key
from egoactgen_bench.endpoints.reply_costs import Budget, Usage
from egoactgen_bench.endpoints.reply_errors import (
    error_text,
    is_refusal,
    refuse_the_call,
    short_line,
)
from egoactgen_bench.endpoints.retry_delays import is_retryable, retry_delay
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import sha256_bytes

ResultT = TypeVar("ResultT")
# Turns the JSON of a reply into a result; `SampleError` `bad_reply` or `refused`.
Reader = Callable[[dict[str, Any]], ResultT]


@dataclass(frozen=True)
class RequestLimits:
    """Bounds of one request: seconds of all attempts and of one, retries, bytes of a reply."""

    timeout: float
    attempt_timeout: float
    retries: int
    largest: int


@dataclass(frozen=True)
class EndpointRequest:
    """The content of a request, which does not depend on the host.

    `body` are the parameters as JSON values, in which an `InputImage` may stand for its data URL.
    With `images`, the request is a form with these files. Requests with the same content and
    another `draw` are different ones, for which another reply is wanted.
    """

    path: str
    body: Mapping[str, Any]
    images: Sequence[InputImage] = ()
    draw: int | str = 0

    @property
    def digest(self) -> str:
        """The sha256 by which the reply is kept."""
        content = {
            "path": self.path,
            "body": self.body,
            "images": [image.digest for image in self.images],
            "draw": self.draw,
        }
        text = json.dumps(content, sort_keys=True, default=lambda image: image.digest)
        return sha256_bytes(text.encode())

    def arguments(self) -> dict[str, Any]:
        """As the HTTP library takes it."""
        if not self.images:
            text = json.dumps(self.body, default=lambda image: image.data_url)
            return {"content": text.encode(), "headers": {"Content-Type": "application/json"}}
        name = "image" if len(self.images) == 1 else "image[]"
        files = [
            (name, (f"image-{number}.png", image.png, "image/png"))
            for number, image in enumerate(self.images)
        ]
        fields = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in self.body.items()
        }
        return {"data": fields, "files": files}


@dataclass
class EndpointClient:
    """A model at an endpoint; `ask` may be called from several threads at once."""

    model: str
    address: EndpointAddress
    key: str | None = field(repr=False)
    limits: RequestLimits
    kept: KeptReplies = field(default_factory=lambda: KeptReplies(None))
    budget: Budget = field(default_factory=Budget)
    _idle: list[Any] = field(default_factory=list, repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    def ask(
        self, request: EndpointRequest, read: Reader[ResultT], *, again: bool = False
    ) -> ResultT:
        """The result of a request: of a kept reply, else of one that is requested and then kept.

        With `again`, a kept reply is not used, but replaced.

        Raises `SampleError` if this request failed (`refused`, `bad_request`, `bad_reply`,
        `no_reply`), and `BenchError` if every request would fail or a limit is reached. Refusals
        are kept as results are; after the other failures, the next call requests again.
        """
        digest = request.digest
        found = None if again else self.kept.find(digest, self.limits.largest)
        if found is not None:
            try:
                return _result(found, read)
            except SampleError as error:
                if error.code == "refused":
                    raise
        try:
            return self._asked(request, digest, read)
        except BenchError:
            self._ended.set()  # wakes the threads that wait for another attempt
            raise

    def fetched(self, url: str, digest: str) -> bytes:
        """The bytes at a URL of the endpoint's own host, kept under `digest`.

        Raises `SampleError` `foreign_url` for another host, and as `ask`.
        """
        own = self.address.own_url(url)
        if own is None:
            raise SampleError(
                "foreign_url", "the reply names an image at another host, which is not fetched"
            )
        found = self.kept.find(digest, self.limits.largest)
        if found is not None:
            return found.body
        reply = self._sent(HttpRequest("GET", own, self._headers))
        if reply.status != 200:
            raise SampleError("no_reply", f"the reply's image cannot be fetched: {reply.status}")
        self.kept.add(digest, reply)
        return reply.body

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def _asked(self, request: EndpointRequest, digest: str, read: Reader[ResultT]) -> ResultT:
        # Not earlier, since kept replies can be used without a key.
        if self.key is None and self.address.host == OPENAI_HOST:
            raise BenchError(
                f"{OPENAI_HOST} needs an API key: set the environment variable OPENAI_API_KEY."
            )
        arguments = request.arguments()
        headers = self._headers | arguments.pop("headers", {})
        url = f"{self.address.url}/{request.path}"
        reply = self._sent(HttpRequest("POST", url, headers, arguments))
        if not (200 <= reply.status < 300 or is_refusal(reply)):
            refuse_the_call(reply, self.address.host, self.model)
            raise SampleError("bad_request", _status_text(reply))
        try:
            result = _result(reply, read)
        except SampleError as error:
            if error.code == "refused":
                self.kept.add(digest, reply)
            raise
        self.kept.add(digest, reply)
        return result

    def _sent(self, request: HttpRequest) -> RawReply:
        """The reply to a request, after as many attempts as the limits allow."""
        limits = self.limits
        end = time.monotonic() + limits.timeout
        for attempt in range(limits.retries + 1):
            left = end - time.monotonic()
            outcome = self._attempt(request, min(limits.attempt_timeout, max(left, 0.001)))
            if isinstance(outcome, RawReply) and not is_retryable(outcome):
                return outcome
            delay = retry_delay(attempt, outcome)
            left = end - time.monotonic()
            if attempt == limits.retries or delay >= left:
                break
            if self._ended.wait(delay):
                raise SampleError("no_reply", "the call has ended")
        raise SampleError("no_reply", self._why(outcome, attempt + 1, delay, left))

    def _why(self, outcome: RawReply | str, attempts: int, delay: float, left: float) -> str:
        """Why the last attempt gave no reply."""
        if isinstance(outcome, RawReply):
            refuse_the_call(outcome, self.address.host, self.model)
            outcome = _status_text(outcome)
        about = [f"{attempts} attempts"] if attempts > 1 else []
        if attempts <= self.limits.retries and delay >= left:
            about.append(f"no time for another one within {self.limits.timeout:g} s")
        return "; ".join([outcome, *about])

    def _attempt(self, request: HttpRequest, seconds: float) -> RawReply | str:
        """A reply, or why it failed, if another attempt may succeed."""
        paid = request.method == "POST"
        if paid:
            self.budget.begin()
        client = self._http_client()
        reply = None
        try:
            reply = within(seconds, lambda: exchange(client, request, self.limits.largest, seconds))
        except OutOfBoundsError as error:
            raise SampleError("bad_reply", str(error)) from None
        except Exception as error:  # noqa: BLE001  a library may raise anything for a broken reply
            text = short_line(text_without_key(str(error), self.key))
            return f"{type(error).__name__}: {text}" if text else type(error).__name__
        finally:
            if paid:
                self.budget.end(_usage(reply))
            if reply is None:
                client.close()  # also ends the thread of an attempt that was abandoned
        self._idle.append(client)
        return reply_without_key(reply, self.key)

    def _http_client(self) -> Any:
        """A client that no other thread uses."""
        try:
            return self._idle.pop()
        except IndexError:
            return new_http_client(not self.address.loopback)


def parsed(reply: RawReply) -> dict[str, Any]:
    """The JSON object of a reply. Raises `SampleError` `bad_reply` for anything else."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        kind = short_line(reply.headers.get("content-type", "").partition(";")[0])[:40]
        shown = f" ({kind})" if kind and kind != "application/json" else ""
        raise SampleError("bad_reply", f"the reply is not a JSON object{shown}")
    return found


def _result(reply: RawReply, read: Reader[ResultT]) -> ResultT:
    if is_refusal(reply):
        raise SampleError("refused", error_text(reply))
    return read(parsed(reply))


def _status_text(reply: RawReply) -> str:
    text = error_text(reply)
    return f"{reply.status}: {text}" if text else f"status {reply.status}"


def _usage(reply: RawReply | None) -> Usage | None:
    """What a reply says about its usage; None for a failed request, which costs nothing."""
    if reply is None or reply.status >= 300:
        return None
    try:
        found = parsed(reply)
    except SampleError:
        return Usage()
    data = found.get("data")
    return Usage.of(found.get("usage"), len(data) if isinstance(data, list) else 0)
