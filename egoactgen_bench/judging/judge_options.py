"""The options of everything that a vision-language model judges, declared once."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from egoactgen_bench.api.common_options import AllowUpload
from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.support.files import parse_json

PANEL = "Judge: a vision-language model (docs/judge.md)"
OURS = ("model", "messages", "stream", "n")  # set by the request itself
FORMAT = "response_format"  # also, but may be removed: some servers reject it


def _as_parameters(value: Any) -> Any:
    """Accept a JSON object as text, and None for an empty one."""
    if value is None:
        return {}
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError:
        raise ValueError('give a JSON object, such as {"temperature": null}') from None


def _checked_parameters(value: dict[str, Any]) -> dict[str, Any]:
    if taken := sorted(value.keys() & set(OURS)):
        raise ValueError(f"the judge itself sets {', '.join(taken)}")
    if value.get(FORMAT) is not None:
        raise ValueError(f"the judge itself sets {FORMAT}, which can only be removed, by null")
    return value


class JudgeOptions(Options):
    """Which model judges images, and how it is called.

    Only `judge_model`, `judge_weights` and `judge_parameters` affect a value. The key comes from
    `$OPENAI_API_KEY`.
    """

    judge_model: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=256,
            description="Name of the model at the endpoint (default, if vlm_ metrics are named: "
            "$OPENAI_MODEL).",
        ),
        Cli(metavar="NAME", panel=PANEL),
    ] = None
    judge_url: Annotated[
        str | None,
        Field(
            exclude=True,
            description="Base URL of an OpenAI-compatible server (default: $OPENAI_BASE_URL, else "
            "OpenAI's).",
        ),
        Cli(metavar="URL", panel=PANEL),
    ] = None
    judge_weights: Annotated[
        Path | None,
        Field(description="Folder of a model for transformers that judges on this machine."),
        Cli(metavar="DIR", panel=PANEL),
    ] = None
    judge_parameters: Annotated[
        dict[str, Any],
        BeforeValidator(_as_parameters),
        AfterValidator(_checked_parameters),
        Field(
            description="Further parameters of the request as a JSON object; null removes one: "
            '{"temperature": null, "max_tokens": null}.'
        ),
        Cli(metavar="JSON", kind=str, panel=PANEL),
    ] = Field(default_factory=dict)
    judge_concurrency: Annotated[
        int,
        Field(ge=1, le=256, description="Number of requests at a time."),
        Cli(panel=PANEL),
    ] = 8
    judge_timeout: Annotated[
        float,
        Field(gt=0, description="Seconds of one request with all its attempts."),
        Cli(panel=PANEL),
    ] = 300.0
    judge_retries: Annotated[
        int, Field(ge=0, le=100, description="Retries of a failed request."), Cli(panel=PANEL)
    ] = 6
    judge_price_in: Annotated[
        float | None, Field(ge=0, description="Price of a million input tokens."), Cli(panel=PANEL)
    ] = None
    judge_price_out: Annotated[
        float | None, Field(ge=0, description="Price of a million output tokens."), Cli(panel=PANEL)
    ] = None
    judge_max_cost: Annotated[
        float | None,
        Field(gt=0, description="Stop before this call costs more; needs prices."),
        Cli(panel=PANEL),
    ] = None
    judge_max_requests: Annotated[
        int | None,
        Field(ge=1, description="Stop after this call has sent so many requests."),
        Cli(panel=PANEL),
    ] = None
    allow_upload: Annotated[AllowUpload, Cli(("--allow-upload",), panel=PANEL)] = False
