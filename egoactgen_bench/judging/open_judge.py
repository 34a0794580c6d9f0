"""The judge that the options describe."""

import os
from collections.abc import Iterable
from pathlib import Path

from egoactgen_bench.api.image_judge import ImageJudge
from egoactgen_bench.endpoints.chat_endpoint import LARGEST_CHAT
from egoactgen_bench.endpoints.endpoint_options import ChatEndpointOptions, make_client
from egoactgen_bench.endpoints.uploads import require_upload
from egoactgen_bench.errors import BenchError
from egoactgen_bench.judging.judge_options import JudgeOptions
from egoactgen_bench.judging.local_judge import LocalJudge
from egoactgen_bench.judging.served_judge import ServedJudge

PREFIX = "vlm_"  # of the metrics that need a judge


def open_judge(
    options: JudgeOptions,
    *,
    metrics: Iterable[str],
    licence: str | None,
    cache: Path,
    device: str = "cpu",
    fresh: bool = False,
    offline: bool = False,
) -> ImageJudge | None:
    """The judge that the options describe; None if they name none.

    `metrics` are those that the user named, `licence` is that of the images. Raises `BenchError`
    for invalid options, and for images that may not be sent. Nothing is sent.
    """
    model = _model(options, metrics)
    if options.judge_weights is not None:
        if model is not None or options.judge_url is not None:
            raise BenchError(
                "--judge-weights names a model on this machine, --judge-model and --judge-url one "
                "behind an endpoint: give one of the two."
            )
        return LocalJudge(options.judge_weights, device)
    if model is None:
        if options.judge_url is not None:
            raise BenchError("--judge-url needs the name of the model there: give --judge-model.")
        return None
    client = make_client(model, _endpoint(options), cache, LARGEST_CHAT)
    require_upload(client.address, licence, options.allow_upload)
    return ServedJudge(
        client,
        options.judge_concurrency,
        options.judge_parameters,
        fresh=fresh,
        offline=offline,
    )


def _model(options: JudgeOptions, metrics: Iterable[str]) -> str | None:
    """The model at the endpoint; that of the environment only if it is clearly wanted.

    Otherwise a variable that is set for another command would make every scoring cost money.
    """
    wanted = options.judge_url is not None or any(name.startswith(PREFIX) for name in metrics)
    if options.judge_model is None and options.judge_weights is None and wanted:
        return os.environ.get("OPENAI_MODEL") or None
    return options.judge_model


def _endpoint(options: JudgeOptions) -> ChatEndpointOptions:
    """How the endpoint is called."""
    return ChatEndpointOptions(
        base_url=options.judge_url,
        concurrency=options.judge_concurrency,
        timeout=options.judge_timeout,
        attempt_timeout=min(60.0, options.judge_timeout),
        retries=options.judge_retries,
        price_in=options.judge_price_in,
        price_out=options.judge_price_out,
        max_cost=options.judge_max_cost,
        max_requests=options.judge_max_requests,
    )
