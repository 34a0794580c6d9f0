"""A toy vision-language model behind an OpenAI-compatible endpoint on this machine.

    python -m egoactgen_bench.toy.judge_server --port 8123
    bench score --judge-url http://127.0.0.1:8123/v1 --judge-model toy-judge

It exercises the whole path of a judge without a GPU or an account, and judges the toy kitchen only.
"""

import argparse
import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from egoactgen_bench.toy.judge_answers import answer

MODEL = "toy-judge"
VERSION = "toy-judge-1"  # to be changed with its answers
LARGEST = 64 << 20  # bytes of a request
PREFIX = "data:image/png;base64,"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    _one = threading.Lock()  # the network's threads would compete

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self.close_connection = True
            self._send({"error": {"message": "the request is too large"}}, 413)
            return
        body = self.rfile.read(length)
        if not self.path.endswith("/chat/completions"):
            self._send({"error": {"message": "only chat completions are supported"}}, 404)
            return
        try:
            text, images = _content(json.loads(body))
        except (ValueError, KeyError, TypeError, IndexError, OSError):
            self._send({"error": {"message": "not a chat with PNG images"}}, 400)
            return
        with self._one:
            reply = answer(text, images)
        self._send(_completion(reply, len(text) // 4 + 85 * len(images)))

    def _send(self, value: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        """No line per request."""


def _content(request: dict[str, Any]) -> tuple[str, list[Image.Image]]:
    """The text and the images of the last message."""
    content = request["messages"][-1]["content"]
    if isinstance(content, str):
        return content, []
    urls = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    if not all(url.startswith(PREFIX) for url in urls):
        raise ValueError("not a PNG")
    images = [
        Image.open(io.BytesIO(base64.b64decode(url.removeprefix(PREFIX)))).convert("RGB")
        for url in urls
    ]
    return "".join(part["text"] for part in content if part["type"] == "text"), images


def _completion(text: str, tokens: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    used = len(text) // 4
    return {
        "id": "toy",
        "object": "chat.completion",
        "created": 0,
        "model": VERSION,
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {
            "prompt_tokens": tokens,
            "completion_tokens": used,
            "total_tokens": tokens + used,
        },
    }


@contextmanager
def serving_judge(port: int = 0) -> Iterator[str]:
    """The base URL of a server on loopback that runs until the context ends; 0: any port."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8123)
    with serving_judge(parser.parse_args().port) as url:
        print(f"{MODEL} at {url} (Ctrl-C ends it)", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
