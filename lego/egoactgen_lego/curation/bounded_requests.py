"""Bounds for requests to a chat endpoint: the size of a reply, its time, and where it comes from.

HTTP clients limit the time of each read. A server that sends a byte per second would hold a request
for as long as it likes, and one that sends a compressed reply could fill the memory.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, TypeVar

LARGEST = 4 << 20  # bytes of a reply, a thousand times those of a long description
ResultT = TypeVar("ResultT")


def bounded_client(timeout: float) -> Any:
    """An HTTP client for the OpenAI client: follows no redirects, reads replies within bounds.

    A redirect would send the conversation, and perhaps the key, to another server. Proxies of the
    environment are used as by the OpenAI client's default.
    """
    import openai

    # The client's HTTP library, which is another one in newer releases of openai.
    client = next(base for base in openai.DefaultHttpxClient.__mro__ if base.__name__ == "Client")
    library: Any = import_module(client.__module__.partition(".")[0])

    class Bounded(library.SyncByteStream):  # type: ignore[misc]
        """A reply's bytes; raises `OSError` for too many of them, and after `timeout` seconds."""

        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            size, end = 0, time.monotonic() + timeout
            for chunk in self.stream:
                size += len(chunk)
                if size > LARGEST:
                    raise OSError(f"the reply is larger than {LARGEST:,} bytes")
                if time.monotonic() > end:
                    raise OSError(f"the reply takes longer than {timeout:.0f} s")
                yield chunk

        def close(self) -> None:
            self.stream.close()

    def bound(response: Any) -> None:
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            raise OSError(f"the reply is compressed ({encoding}), which was not requested")
        response.stream = Bounded(response.stream)

    return openai.DefaultHttpxClient(
        follow_redirects=False,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [bound]},
    )


def within(seconds: float, call: Callable[[], ResultT]) -> ResultT:
    """The result of `call`; `TimeoutError` if it takes longer, whatever it waits for.

    The bounds of `bounded_client` start with a reply's body; this one also covers a server that
    never finishes the headers. Such a call is abandoned in a thread, which does not keep the
    process from ending.
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
