"""Chat endpoints that hang, drip, flood, compress or redirect: each costs one bounded request."""

import gzip
import json
import time

import pytest

from chat_server import completion, good, serving
from egoactgen_bench.errors import BenchError
from egoactgen_lego.curation import bounded_requests
from egoactgen_lego.curation.chat import Endpoint, NoReply

MESSAGES = [{"role": "user", "content": "Action: open drawer"}]
ANSWER = json.dumps(good()).encode()


def endpoint(url, **more):
    return Endpoint("m", url, "secret", **({"retries": 0, "timeout": 0.5} | more))


def start(handler, **headers):
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def drip(handler, query, before):
    handler.close_connection = True
    start(handler, Connection="close")
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.1)


def drip_headers(handler, query, before):
    handler.close_connection = True
    for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + bytes([65]) * 100:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.1)


def flood(handler, query, before):
    handler.close_connection = True
    start(handler, Connection="close")
    for _ in range(64):
        handler.wfile.write(b" " * (1 << 20))


def bomb(handler, query, before):
    packed = gzip.compress(ANSWER)
    handler.say(packed, Content_Encoding="gzip", Content_Length=str(len(packed)))


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (lambda handler, query, before: time.sleep(2), "Timeout"),
        (drip, "the reply takes longer than"),
        (flood, "the reply is larger than 4,194,304 bytes"),
        (bomb, r"the reply is compressed \(gzip\)"),
        (lambda handler, query, before: handler.say(b'{"a":' * 200_000), "Error"),
        (lambda handler, query, before: handler.say(b"[" * 200_000 + b"]" * 200_000), "Error"),
        (lambda handler, query, before: handler.say(b"null"), "Error"),
        (lambda handler, query, before: handler.say(b'{"choices": []}'), "Error"),
        (
            lambda handler, query, before: handler.say(b'{"choices": [{"message": "\xff"}]}'),
            "Error",
        ),
        (lambda handler, query, before: handler.say({"choices": float("nan")}), "Error"),
        (lambda handler, query, before: handler.say(b"<html>login</html>"), "Error"),
    ],
)
def test_a_reply_out_of_bounds_costs_one_request(behave, reason):
    begun = time.monotonic()
    with serving(behave) as server, pytest.raises(NoReply, match=reason):
        endpoint(server.url).ask(MESSAGES)
    assert time.monotonic() - begun < 8


def test_headers_that_never_end_are_abandoned(monkeypatch):
    monkeypatch.setattr("egoactgen_lego.curation.chat.LONGEST_DELAY", 0.0)
    with serving(drip_headers) as server, pytest.raises(NoReply, match="no complete reply within"):
        endpoint(server.url).ask(MESSAGES)


def test_redirects_are_not_followed():
    with serving(lambda handler, query, before: handler.say(ANSWER)) as other:

        def redirect(handler, query, before):
            handler.say(b"", status=307, Location=f"{other.url}/chat/completions")

        with (
            serving(redirect) as server,
            pytest.raises(BenchError, match=r"redirects to another address \(307\)"),
        ):
            endpoint(server.url).ask(MESSAGES)
        assert other.requests == []

    def to_file(handler, query, before):
        handler.say(b"", status=307, Location="file:///etc/hostname")

    with serving(to_file) as server, pytest.raises(BenchError, match="redirects to another"):
        endpoint(server.url).ask(MESSAGES)
    with pytest.raises(BenchError, match=r"--base-url is 'file:///etc'"):
        endpoint("file:///etc").ask(MESSAGES)


def test_texts_that_no_file_can_store_are_repaired():
    answer = json.dumps(completion("a\ud800b")).encode()
    with serving(lambda handler, query, before: handler.say(answer)) as server:
        reply = endpoint(server.url, timeout=20.0).ask(MESSAGES)
    assert reply.text == "a?b"
    assert server.headers[0]["Accept-Encoding"] == "identity"


def test_an_error_in_time_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError):
        bounded_requests.within(5, lambda: 1 / 0)
