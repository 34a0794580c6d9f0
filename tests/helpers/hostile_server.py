"""An OpenAI-compatible server on loopback that answers in every way a server should not.

`serving_endpoint(behave)` serves chat completions and image edits; `BEHAVIOURS` are the hostile
ones by name, each a function `behave(call)`.
"""

import base64
import gzip
import io
import json
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

TEXT = "The person does it with the right hand, slowly and in one steady movement."


@dataclass
class Call:
    """One request: its path, its fields (JSON or form), its files, and how to answer."""

    handler: Any
    path: str
    fields: dict[str, Any]
    files: list[tuple[str, bytes]]  # name of the field, content
    headers: Any
    before: int  # number of earlier requests with the same content

    @property
    def query(self) -> str:
        """The last message of a chat."""
        content = self.fields["messages"][-1]["content"]
        return content if isinstance(content, str) else content[-1]["text"]

    @property
    def chat(self) -> bool:
        return self.path.endswith("/chat/completions")

    def say(self, value: Any, status: int = 200, **headers: str) -> None:
        """Answer with JSON, or with bytes."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        sent = {"Content-Type": "application/json", "Content-Length": str(len(data))}
        self.start(
            status, **(sent | {key.replace("_", "-"): text for key, text in headers.items()})
        )
        self.handler.wfile.write(data)

    def start(self, status: int = 200, **headers: str) -> None:
        self.handler.send_response(status)
        for name, text in headers.items():
            self.handler.send_header(name.replace("_", "-"), text)
        self.handler.end_headers()

    def answer(self) -> None:
        """A good answer to either kind of request."""
        self.say(good_chat() if self.chat else good_image(self))


@dataclass
class Log:
    """What arrived at a server."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    now: int = 0
    most: int = 0  # requests at the same time


def good_chat(text: str = TEXT, **more: Any) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message} | more
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return {"id": "x", "created": 0, "model": "m-2026", "choices": [choice], "usage": usage}


def picture(call: Call, size: tuple[int, int] = (48, 32)) -> Image.Image:
    """An image that depends on the prompt and the input image only."""
    seed = zlib.crc32(call.fields["prompt"].encode() + b"".join(data for _, data in call.files))
    cells = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG") -> str:
    stream = io.BytesIO()
    image.save(stream, form)
    return base64.b64encode(stream.getvalue()).decode()


def image_reply(b64_json: str, **more: Any) -> dict[str, Any]:
    """The reply to an image edit."""
    usage = {"input_tokens": 300, "output_tokens": 1000, "total_tokens": 1300}
    return {"created": 0, "data": [{"b64_json": b64_json, **more}], "usage": usage}


def good_image(call: Call) -> dict[str, Any]:
    return image_reply(encoded(picture(call)))


def _stall(call: Call) -> None:
    time.sleep(4)


def _drip(call: Call) -> None:
    call.handler.close_connection = True
    call.start(Content_Type="application/json", Connection="close")
    for _ in range(40):
        call.handler.wfile.write(b" ")
        time.sleep(0.1)


def _drip_headers(call: Call) -> None:
    call.handler.close_connection = True
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"A" * 40:
        call.handler.wfile.write(bytes([byte]))
        time.sleep(0.1)


def _flood(call: Call) -> None:
    call.handler.close_connection = True
    call.start(Content_Type="application/json", Connection="close")
    for _ in range(80):
        call.handler.wfile.write(b" " * (1 << 20))


def _compressed(call: Call) -> None:
    call.say(gzip.compress(bytes(1 << 24)), Content_Encoding="gzip")


def _cut(call: Call) -> None:
    call.say(b'{"choices": [', Content_Length="4000")
    call.handler.close_connection = True


def _close(call: Call) -> None:
    call.handler.close_connection = True
    call.handler.connection.close()


def _bomb_png() -> bytes:
    """A PNG whose header announces 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1 << 20), 9)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def _text(text: bytes) -> Callable[[Call], None]:
    return lambda call: call.say(text)


def _json(value: Any) -> Callable[[Call], None]:
    return lambda call: call.say(value)


def _error(status: int, error: Any = None, **headers: str) -> Callable[[Call], None]:
    return lambda call: call.say({"error": error or {"message": "no"}}, status, **headers)


def _refusal(call: Call) -> None:
    message = "Your request was rejected by the safety system."
    if call.chat:
        call.say(good_chat(message={"role": "assistant", "content": None, "refusal": message}))
    else:
        call.say({"error": {"message": message, "code": "moderation_blocked"}}, 400)


# What a hostile server does → the code of the sample's error; None where the call must end.
BEHAVIOURS: dict[str, tuple[Callable[[Call], None], str | None]] = {
    "stalls": (_stall, "no_reply"),
    "drips": (_drip, "no_reply"),
    "drips headers": (_drip_headers, "no_reply"),
    "floods": (_flood, "bad_reply"),
    "compresses": (_compressed, "bad_reply"),
    "cuts off": (_cut, "no_reply"),
    "closes": (_close, "no_reply"),
    "limits": (_error(429), "no_reply"),
    "limits for a year": (_error(429, Retry_After="31536000"), "no_reply"),
    "limits absurdly": (_error(429, Retry_After="-nan"), "no_reply"),
    "fails": (_error(500), "no_reply"),
    "rejects": (_error(400, {"message": "unknown parameter"}), "bad_request"),
    "rejects in no words": (lambda call: call.say(b"\xff", 422), "bad_request"),
    "refuses": (_refusal, "refused"),
    "filters": (
        _error(400, {"code": "content_filter", "message": "\x1b[31mfiltered\nby us"}),
        "refused",
    ),
    "redirects": (lambda call: call.say(b"", 307, Location="http://example.org/"), None),
    "redirects to a file": (lambda call: call.say(b"", 302, Location="file:///etc/passwd"), None),
    "rejects the key": (_error(401), None),
    "knows no model": (_error(404), None),
    "has no quota": (_error(429, {"code": "insufficient_quota", "message": "pay"}), None),
    "sends a page": (_text(b"<html>login</html>"), "bad_reply"),
    "sends nothing": (_text(b""), "bad_reply"),
    "sends null": (_text(b"null"), "bad_reply"),
    "sends a list": (_text(b"[]"), "bad_reply"),
    "nests": (_text(b"[" * 200_000 + b"]" * 200_000), "bad_reply"),
    "sends many values": (_text(b'{"data": [' + b"[]," * 600_000 + b"[]]}"), "bad_reply"),
    "nests without an end": (_text(b'{"a":' * 200_000), "bad_reply"),
    "sends no UTF-8": (_text(b'{"choices": "\xff", "data": "\xfe"}'), "bad_reply"),
    "sends NaN": (_text(b'{"choices": NaN, "data": NaN}'), "bad_reply"),
    "sends empty lists": (_json({"choices": [], "data": []}), "bad_reply"),
    "sends wrong types": (_json({"choices": [1], "data": [None], "usage": []}), "bad_reply"),
    "sends a number as content": (
        _json({"choices": [{"message": {"content": 3}}], "data": [{"b64_json": 3, "url": 4}]}),
        "bad_reply",
    ),
}

# Of image edits only.
IMAGE_BEHAVIOURS: dict[str, tuple[Any, str]] = {
    "no base64": ({"b64_json": "%%%"}, "bad_reply"),
    "base64 of no image": ({"b64_json": base64.b64encode(b"hello").decode()}, "bad_reply"),
    "a bomb": ({"b64_json": base64.b64encode(_bomb_png()).decode()}, "bad_reply"),
    "a cut image": (
        {"b64_json": encoded(Image.new("RGB", (64, 64)))[:80]},
        "bad_reply",
    ),
    "transparent pixels": ({"b64_json": encoded(Image.new("RGBA", (8, 8)))}, "bad_reply"),
    "PostScript": ({"b64_json": base64.b64encode(b"%!PS-Adobe-3.0 EPSF").decode()}, "bad_reply"),
    "another host": ({"url": "http://169.254.169.254/latest/meta-data"}, "foreign_url"),
    "a file": ({"url": "file:///etc/passwd"}, "foreign_url"),
    "another host in disguise": ({"url": "//169.254.169.254/x"}, "foreign_url"),
    "neither": ({}, "bad_reply"),
}


@contextmanager
def serving_endpoint(
    behave: Callable[[Call], None] = Call.answer, images: dict[str, bytes] | None = None
) -> Iterator[Log]:
    """A server that answers each request with `behave`; `images` are served by path to GET."""
    log = Log()
    seen: Counter[bytes] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fields, files = _content(self.headers["Content-Type"], body)
            content = repr((fields, files)).encode()
            with lock:
                call = Call(self, self.path, fields, files, self.headers, seen[content])
                seen[content] += 1
                log.calls.append(call)
                log.times.append(time.monotonic())
                log.now += 1
                log.most = max(log.most, log.now)
            try:
                behave(call)
            except OSError:
                self.close_connection = True
            finally:
                with lock:
                    log.now -= 1

        def do_GET(self) -> None:
            call = Call(self, self.path, {}, [], self.headers, 0)
            log.calls.append(call)
            data = (images or {}).get(self.path)
            call.say(data or b"", 200 if data else 404, Content_Type="image/png")

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.request_queue_size = 64
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    log.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield log
    finally:
        server.shutdown()
        server.server_close()


def _content(kind: str, body: bytes) -> tuple[dict[str, Any], list[tuple[str, bytes]]]:
    """The fields and files of a request's body."""
    if kind == "application/json":
        return json.loads(body), []
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    fields, files = {}, []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if part.get_filename():
            files.append((name, data))
        else:
            fields[name] = data.decode()
    return fields, files
