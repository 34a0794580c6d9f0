"""A chat endpoint on loopback with configurable behaviour, for tests of `bench lego curate`."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

GOOD = "The person does it with the right hand, slowly and in one steady movement."


def completion(text: str, finish: str = "stop") -> dict[str, Any]:
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text},
    }
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [choice],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def good(text: str = GOOD) -> dict[str, Any]:
    return completion(json.dumps({"description": text}))


@contextmanager
def serving(behave: Callable[[Any, str, int], None]) -> Iterator[SimpleNamespace]:
    """A server that answers with `behave(handler, query, number of earlier calls with the query)`.

    Yields its `url`, the `requests` with their `headers` and `times`, and the largest number of
    simultaneous requests, `most`.
    """
    server_log = SimpleNamespace(requests=[], headers=[], most=0, now=0, times=[])
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            query = body["messages"][-1]["content"]
            with lock:
                server_log.requests.append(body)
                server_log.headers.append(self.headers)
                server_log.times.append(time.monotonic())
                before = seen[query]
                seen[query] += 1
                server_log.now += 1
                server_log.most = max(server_log.most, server_log.now)
            try:
                behave(self, query, before)
            except OSError:
                self.close_connection = True
            finally:
                with lock:
                    server_log.now -= 1

        def say(self, value: Any, status: int = 200, **headers: str) -> None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            for name, text in headers.items():
                self.send_header(name.replace("_", "-"), text)
            if "Content_Length" not in headers:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server_log.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield server_log
    finally:
        server.shutdown()
        server.server_close()
