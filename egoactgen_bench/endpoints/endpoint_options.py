"""The options of everything that calls an endpoint, declared once, and the client they describe."""

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import Field

from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.endpoints.endpoint_address import parse_address
from egoactgen_bench.endpoints.endpoint_client import EndpointClient, RequestLimits
from egoactgen_bench.endpoints.kept_replies import KeptReplies
from egoactgen_bench.endpoints.reply_costs import Budget, Prices
from egoactgen_bench.errors import BenchError

KEPT = "endpoints"  # the folder in the cache


# Options whose defaults differ between image editing and chat.
Concurrency = Annotated[int, Field(ge=1, le=256, description="Number of requests at a time.")]
Timeout = Annotated[float, Field(gt=0, description="Seconds of one request with all its attempts.")]
AttemptTimeout = Annotated[float, Field(gt=0, description="Seconds of one attempt.")]
Retries = Annotated[
    int, Field(ge=0, le=100, description="Retries of a failed request, with growing delays.")
]


class EndpointOptions(Options):
    """How an endpoint is called; none of these options affects a result.

    The address and the key are never recorded.
    """

    base_url: Annotated[
        str | None,
        Field(
            exclude=True,
            description="Base URL of an OpenAI-compatible server (default: $OPENAI_BASE_URL, else "
            "OpenAI's).",
        ),
        Cli(metavar="URL", envvar="OPENAI_BASE_URL"),
    ] = None
    key: Annotated[
        str | None,
        Field(
            exclude=True,
            repr=False,
            description="API key; better set $OPENAI_API_KEY, since other users of the machine "
            "can see options.",
        ),
        Cli(metavar="KEY", envvar="OPENAI_API_KEY", show_default=False),
    ] = None
    concurrency: Concurrency = 4
    timeout: Timeout = 600.0
    attempt_timeout: AttemptTimeout = 300.0
    retries: Retries = 5
    price_in: Annotated[
        float | None, Field(ge=0, description="Price of a million input tokens.")
    ] = None
    price_out: Annotated[
        float | None, Field(ge=0, description="Price of a million output tokens.")
    ] = None
    max_cost: Annotated[
        float | None, Field(gt=0, description="Stop before this call costs more; needs prices.")
    ] = None
    max_requests: Annotated[
        int | None, Field(ge=1, description="Stop after this call has sent so many requests.")
    ] = None

    @property
    def prices(self) -> Prices:
        """Raises `BenchError` if only one of the prices of tokens is given."""
        return Prices(self.price_in, self.price_out)


class ChatEndpointOptions(EndpointOptions):
    """How a chat model behind an endpoint is called."""

    model: Annotated[
        str | None,
        Field(description="Name of the model at the endpoint."),
        Cli(metavar="NAME", envvar="OPENAI_MODEL"),
    ] = None
    concurrency: Concurrency = 8
    timeout: Timeout = 300.0
    attempt_timeout: AttemptTimeout = 60.0
    retries: Retries = 6


# Of these and of subclasses' further prices.
NOT_SEMANTIC = frozenset({*EndpointOptions.model_fields, "price_image"})


def make_client(
    model: str, options: EndpointOptions, cache: Path | None, largest: int
) -> EndpointClient:
    """The client that the options describe; replies of at most `largest` bytes, kept in `cache`.

    Raises `BenchError` for invalid options; nothing is sent.
    """
    key = (options.key or os.environ.get("OPENAI_API_KEY") or "").strip() or None
    if key and not re.fullmatch(r"[!-~]+", key):
        raise BenchError("The API key contains characters that no key has: correct it.")
    address = parse_address(options.base_url)
    return EndpointClient(
        model,
        address,
        key,
        RequestLimits(options.timeout, options.attempt_timeout, options.retries, largest),
        KeptReplies(cache / KEPT if cache else None),
        Budget(options.prices, options.max_cost, options.max_requests),
    )
