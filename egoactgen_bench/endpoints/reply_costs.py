"""What replies cost: their usage, the prices given, and a limit on one call's requests."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egoactgen_bench.errors import BenchError

MILLION = 1e6


@dataclass(frozen=True)
class Usage:
    """What a server reports about a reply; None if it does not report the tokens."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    images: int = 0

    @classmethod
    def of(cls, reported: Any, images: int = 0) -> "Usage":
        """From the `usage` of a reply; the names of the fields differ between chat and images."""
        found = reported if isinstance(reported, dict) else {}
        return cls(
            _count(found, "prompt_tokens", "input_tokens"),
            _count(found, "completion_tokens", "output_tokens"),
            images,
        )


def _count(reported: Mapping[str, Any], *names: str) -> int | None:
    value = next((reported[name] for name in names if name in reported), None)
    return value if type(value) is int and 0 <= value < 1 << 53 else None


@dataclass(frozen=True)
class Prices:
    """Prices of a million input tokens, of a million output tokens, and of an image.

    Raises `BenchError` if only one of the prices of tokens is given.
    """

    tokens_in: float | None = None
    tokens_out: float | None = None
    image: float | None = None

    def __post_init__(self) -> None:
        if (self.tokens_in is None) != (self.tokens_out is None):
            raise BenchError("price_in and price_out belong together: give both, or none.")

    @property
    def known(self) -> bool:
        return self.tokens_in is not None or self.image is not None

    def record(self) -> dict[str, float]:
        """The prices that are given, for a manifest."""
        named = {
            "million_input_tokens": self.tokens_in,
            "million_output_tokens": self.tokens_out,
            "image": self.image,
        }
        return {name: price for name, price in named.items() if price is not None}

    def cost(self, usage: Usage) -> float | None:
        """The cost of a reply; None without prices, and without the tokens that have a price."""
        if not self.known:
            return None
        cost = (self.image or 0.0) * usage.images
        if self.tokens_in is None or self.tokens_out is None:
            return cost
        if usage.tokens_in is None or usage.tokens_out is None:
            return None
        tokens = usage.tokens_in * self.tokens_in + usage.tokens_out * self.tokens_out
        return cost + tokens / MILLION


@dataclass
class Budget:
    """Counts the requests that are sent, and raises `BenchError` before one exceeds a limit.

    One object per call of a command; replies that were kept before cost nothing. The cost of a
    reply is known only afterwards: each request in progress is expected to cost as much as the most
    expensive one so far.
    """

    prices: Prices = field(default_factory=Prices)
    max_cost: float | None = None
    max_requests: int | None = None
    requests: int = 0
    spent: float = 0.0
    tokens_in: int = 0  # that servers reported
    tokens_out: int = 0
    _in_progress: int = 0
    _expected: float = 0.0
    _unknown: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if self.max_cost is not None and not self.prices.known:
            raise BenchError(
                "max_cost needs prices (price_in and price_out, or price_image): give them, or "
                "limit the number of requests with max_requests."
            )
        self._expected = self.prices.image or 0.0

    def begin(self) -> None:
        """Called before a request is sent."""
        with self._lock:
            if self.max_requests is not None and self.requests >= self.max_requests:
                raise self._stopped(f"max_requests={self.max_requests}")
            if self.max_cost is not None:
                if self._unknown:
                    raise BenchError(
                        "The server does not report the tokens of a reply, so that max_cost "
                        "cannot be checked: limit the number of requests with max_requests, or "
                        "give price_image only. The replies so far are kept."
                    )
                ahead = self.spent + self._expected * (self._in_progress + 1)
                if ahead > self.max_cost or self.spent >= self.max_cost:
                    raise self._stopped(f"max_cost={self.max_cost:g}")
            self.requests += 1
            self._in_progress += 1

    def end(self, usage: Usage | None) -> None:
        """Called when a request has ended, with the usage of its reply, if there is one."""
        with self._lock:
            self._in_progress -= 1
            if usage is None:
                return
            self.tokens_in += usage.tokens_in or 0
            self.tokens_out += usage.tokens_out or 0
            cost = self.prices.cost(usage)
            if cost is None:
                self._unknown = self.prices.known
                return
            self.spent += cost
            self._expected = max(self._expected, cost)

    def _stopped(self, limit: str) -> BenchError:
        spent = f", which cost {self.spent:.4f}" if self.prices.known else ""
        return BenchError(
            f"Stopped at {limit}, after {self.requests:,} requests of this call{spent}. All "
            "replies are kept: the same command continues with the next ones, up to the same "
            "limit again, or raise the limit."
        )
