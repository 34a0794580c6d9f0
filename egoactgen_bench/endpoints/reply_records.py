"""What manifests record about the replies of an endpoint: usage, cost, models, sizes."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from egoactgen_bench.artifacts.manifests import EndpointRecord
from egoactgen_bench.endpoints.reply_costs import Prices, Usage


class ReplyTally:
    """Collects facts about the replies of a batch; `add` may be called from several threads."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._replies: dict[str, tuple[Usage, str, str]] = {}
        self._lock = threading.Lock()

    def add(self, sample_id: str, usage: Usage, model: str, size: str = "") -> None:
        """Add a sample's reply: its usage, the model that it names, and the size of its image."""
        with self._lock:
            self._replies[sample_id] = (usage, model, size)

    def take(self) -> dict[str, Any]:
        """The facts since the last call, as JSON values."""
        with self._lock:
            replies, self._replies = list(self._replies.values()), {}
        usage = total_usage([usage for usage, _, _ in replies])
        return {
            "host": self.host,
            "replies": len(replies),
            "tokens_in": usage.tokens_in,
            "tokens_out": usage.tokens_out,
            "images": usage.images,
            "models": sorted({model for _, model, _ in replies if model}),
            "sizes": dict(Counter(size for _, _, size in replies if size)),
        }


def total_usage(usages: Iterable[Usage]) -> Usage:
    """The usage of several replies; its tokens are None if a reply does not report them."""
    tokens_in, tokens_out, images = 0, 0, 0
    known = True
    for each in usages:
        images += each.images
        if each.tokens_in is None or each.tokens_out is None:
            known = False
        else:
            tokens_in, tokens_out = tokens_in + each.tokens_in, tokens_out + each.tokens_out
    return Usage(tokens_in, tokens_out, images) if known else Usage(images=images)


def endpoint_record(
    model: str, tallies: Sequence[Mapping[str, Any]], prices: Prices
) -> EndpointRecord:
    """The record of all replies, from what `ReplyTally.take` returned for each batch."""
    sizes: Counter[str] = Counter()
    for each in tallies:
        sizes.update(each["sizes"])
    usage = total_usage(
        Usage(each["tokens_in"], each["tokens_out"], each["images"]) for each in tallies
    )
    cost = prices.cost(usage)
    tokens = None
    if usage.tokens_in is not None and usage.tokens_out is not None:
        tokens = {"in": usage.tokens_in, "out": usage.tokens_out}
    return EndpointRecord(
        model=model,
        hosts=sorted({each["host"] for each in tallies}),
        reported_models=sorted({name for each in tallies for name in each["models"]}),
        replies=sum(each["replies"] for each in tallies),
        tokens=tokens,
        sizes=dict(sorted(sizes.items())),
        prices=prices.record(),
        cost="unknown" if cost is None else round(cost, 6),
    )


def expected_cost(requests: int, images: int, prices: Prices, earlier: Any) -> str:
    """A phrase on what requests would cost, each with `images` images.

    `earlier` is the record of similar requests as JSON values, or None.
    """
    usage = Usage(images=requests * images)
    before = earlier if isinstance(earlier, Mapping) else {}
    tokens, replies = before.get("tokens"), before.get("replies")
    if tokens and replies:
        each = (round(requests * tokens[name] / replies) for name in ("in", "out"))
        usage = Usage(next(each), next(each), usage.images)
    cost = prices.cost(usage)
    if cost is not None:
        return f"at a cost of about {cost:.2f}"
    if prices.known:
        return "at a cost that is unknown until an earlier run shows how many tokens they take"
    return "at an unknown cost (give prices to estimate it)"
