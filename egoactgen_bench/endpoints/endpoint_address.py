"""The base URL of an endpoint, read strictly, so that all code agrees on which host it names."""

import os
import re
import socket
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from egoactgen_bench.errors import BenchError

OPENAI_HOST = "api.openai.com"
OPENAI = f"https://{OPENAI_HOST}/v1"
_VISIBLE = re.compile(r"[!-~]+")
_HOST_NAME = re.compile(r"[a-z0-9._-]+")


@dataclass(frozen=True)
class EndpointAddress:
    """Scheme, host, port and path of a base URL; `host` is a name, or an IP address."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:8000`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return self.origin + self.path

    @cached_property
    def loopback(self) -> bool:
        """Whether the host is this machine, so that nothing leaves it.

        Only addresses of the loopback network count, and `localhost` if it resolves to nothing
        else; another name might resolve to another address when it is called.
        """
        if self.host == "localhost":
            return all(map(_is_loopback, _resolved(self.host) or [""]))
        return _is_loopback(self.host)

    def own_url(self, url: str) -> str | None:
        """An absolute or relative URL at this origin as an absolute one; None for another."""
        if url.startswith("/") and not url.startswith("//") and _VISIBLE.fullmatch(url):
            return self.origin + url if "\\" not in url else None
        found = _parsed(url, query=True)
        if found is None or (found.scheme, found.host, found.port) != (
            *(self.scheme, self.host),
            self.port,
        ):
            return None
        return found.url


def parse_address(base_url: str | None) -> EndpointAddress:
    """The address of `base_url`, else of `$OPENAI_BASE_URL`, else of OpenAI.

    Raises `BenchError` for anything but `http://HOST…` and `https://HOST…`. A user name, which may
    contain a password, is refused, and so are `?` and `#`.
    """
    text = base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
    found = _parsed(text, query=False)
    if found is None:
        # A URL may contain a secret where it should not.
        shown = "the given text" if re.search(r"[@?#]", text) else f"'{text[:80]}'"
        raise BenchError(
            f"The base URL of the endpoint is {shown}, expected http://HOST[:PORT][/PATH] or "
            "https://…, without a user name, '?' or '#'."
        )
    return found


def _parsed(text: str, query: bool) -> EndpointAddress | None:
    """The parts of a URL; None if other programs might understand it differently."""
    # Browsers and libraries disagree about backslashes, spaces and characters beyond ASCII.
    if not _VISIBLE.fullmatch(text) or "\\" in text:
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.fragment:
        return None
    if not (_HOST_NAME.fullmatch(host) or _is_address(host)):
        return None
    if not query and ("?" in text or "#" in text):
        return None
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path.rstrip("/")
    return EndpointAddress(
        parts.scheme, host, port or {"http": 80, "https": 443}[parts.scheme], path
    )


def _is_address(host: str) -> bool:
    try:
        return not getattr(ip_address(host), "scope_id", None)
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _resolved(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return []
    return [str(each[4][0]) for each in found]
