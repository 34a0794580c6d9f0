"""Base URLs: which host they name, and whether it is this machine."""

import socket

import pytest

from egoactgen_bench.endpoints.endpoint_address import parse_address
from egoactgen_bench.errors import BenchError


@pytest.mark.parametrize(
    ("url", "host", "loopback"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1", True),
        ("http://127.8.9.1/", "127.8.9.1", True),
        ("http://[::1]:8000/v1/", "::1", True),
        ("http://[::ffff:127.0.0.1]/v1", "::ffff:127.0.0.1", True),
        ("http://localhost:8000", "localhost", True),
        ("http://LOCALHOST:8000", "localhost", True),
        ("http://[::ffff:8.8.8.8]/v1", "::ffff:8.8.8.8", False),
        ("http://0.0.0.0:8000", "0.0.0.0", False),
        ("http://128.0.0.1", "128.0.0.1", False),
        ("http://localhost.", "localhost.", False),
        ("http://localhost.example.org", "localhost.example.org", False),
        ("http://127.0.0.1.nip.io/v1", "127.0.0.1.nip.io", False),
        ("http://2130706433/v1", "2130706433", False),
        ("http://127.1/v1", "127.1", False),
        ("https://api.openai.com/v1", "api.openai.com", False),
        (None, "api.openai.com", False),
    ],
)
def test_only_loopback_addresses_are_this_machine(url, host, loopback, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    found = parse_address(url)
    assert (found.host, found.loopback) == (host, loopback)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1:80@evil.example/v1",
        "http://user:password@127.0.0.1/v1",
        "http://127.0.0.1\\@evil.example",
        "http://evil.example\\.127.0.0.1/v1",
        "http://127.0.0.1%2eevil.example/v1",
        "http://127.0.0.1/v1?key=secret",
        "http://127.0.0.1/v1#part",
        "http://127.0.0.1 .evil.example/v1",
        "http://127.0.0.1\t/v1",
        "http://ⓔvil.example/v1",
        "http://127.0.0.1:port/v1",
        "http://[::1%25eth0]/v1",
        "http:///v1",
        "127.0.0.1:8000",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
    ],
)
def test_urls_that_might_be_read_in_two_ways_are_refused(url):
    with pytest.raises(BenchError, match=r"expected http://HOST") as refusal:
        parse_address(url)
    assert "password" not in str(refusal.value).replace("/etc/passwd", "")
    assert "secret" not in str(refusal.value)


def test_localhost_must_not_resolve_to_another_machine(monkeypatch):
    answers = [
        (socket.AF_INET, 1, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, 1, 6, "", ("8.8.8.8", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    assert not parse_address("http://localhost").loopback
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers[:1])
    assert parse_address("http://localhost").loopback


def test_the_environment_names_the_default(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://10.0.0.8:8000/v1/")
    found = parse_address(None)
    assert (found.url, found.loopback) == ("http://10.0.0.8:8000/v1", False)


def test_urls_of_the_own_origin():
    address = parse_address("http://127.0.0.1:8000/v1")
    assert address.own_url("/a.png?sig=1") == "http://127.0.0.1:8000/a.png?sig=1"
    assert address.own_url("http://127.0.0.1:8000/a") == "http://127.0.0.1:8000/a"
    for other in (
        "http://127.0.0.1:8001/a",
        "https://127.0.0.1:8000/a",
        "http://localhost:8000/a",
        "//evil.example/a",
        "/\\evil.example/a",
        "a.png",
        "data:,x",
        "",
    ):
        assert address.own_url(other) is None, other
