"""What `bench lego curate` and `enrich` share for a model behind an endpoint."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from egoactgen_bench.api.common_options import AllowUpload
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.endpoints.endpoint_options import ChatEndpointOptions, make_client
from egoactgen_bench.endpoints.reply_costs import Prices
from egoactgen_bench.endpoints.uploads import licence_of, require_upload
from egoactgen_bench.support.waiting import report_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from egoactgen_bench.artifacts.splits import Split
    from egoactgen_bench.endpoints.endpoint_client import EndpointClient
    from egoactgen_lego.curation.replies import Replies


class ServedModelOptions(ChatEndpointOptions):
    """A chat model behind an endpoint, and whether licensed data may be sent to it."""

    allow_upload: AllowUpload = False


def chat_client(asked: ServedModelOptions, split: "Split") -> "EndpointClient":
    """The client of the model, which may be sent the data of the split.

    Raises `BenchError` for invalid options, and for a licence that needs --allow-upload.
    """
    from egoactgen_bench.endpoints.chat_endpoint import LARGEST_CHAT

    client = make_client(asked.model or "", asked, current_workspace().cache, LARGEST_CHAT)
    require_upload(client.address, licence_of(split.manifest), asked.allow_upload)
    return client


@contextmanager
def reply_progress(prices: Prices) -> "Iterator[Callable[[Replies, int], None]]":
    """Report replies, tokens and cost on stderr: call it with the replies and the samples left."""
    with report_waiting("Waiting for replies") as line:

        def update(replies: "Replies", left: int) -> None:
            usage = replies.usage
            spent = spent_text(usage.tokens_in, usage.tokens_out, prices.cost(usage))
            line.description = f"{len(replies.rows)} replies, {left} samples left, {spent}"

        yield update


def spent_text(
    tokens_in: int | None, tokens_out: int | None, cost: float | Literal["unknown"] | None
) -> str:
    """`600 tokens in, 60 out, cost 0.0010`; None for a cost that does not exist."""
    tokens = "tokens not reported"
    if tokens_in is not None:
        tokens = f"{tokens_in} tokens in, {tokens_out} out"
    if cost is None:
        return tokens
    return f"{tokens}, cost {cost}" if cost == "unknown" else f"{tokens}, cost {cost:.4f}"
