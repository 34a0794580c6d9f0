"""`bench lego curate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.support.sample_drawing import drawing_sentence
from egoactgen_lego.options.curate_options import CurateOptions

if TYPE_CHECKING:
    from egoactgen_lego.curation.chat import Chat
    from egoactgen_lego.curation.replies import Replies
    from egoactgen_lego.stages.curate import CurationResult


class CurateArguments(CurateOptions):
    """Which model describes which split, and where the data is written."""

    split: SplitName = None
    model: Annotated[
        str | None,
        Field(description="Name of the model at the endpoint."),
        Cli(envvar="OPENAI_MODEL"),
    ] = None
    base_url: Annotated[
        str | None,
        Field(description="Any OpenAI-compatible endpoint."),
        Cli(envvar="OPENAI_BASE_URL"),
    ] = None
    key: Annotated[
        str,
        Field(
            description="API key: better set the environment variable, since other users of the "
            "machine can see options."
        ),
        Cli(envvar="OPENAI_API_KEY", show_default=False),
    ] = "none"
    local: Annotated[
        Path | None,
        Field(description="Use a chat model in this transformers folder instead."),
        Cli(metavar="DIR"),
    ] = None
    templates: Annotated[
        bool,
        Field(description="Fill in sentence templates instead: for the toy kitchen."),
        Cli(("--templates",)),
    ] = False
    device: Annotated[str, Field(description="Device of a local model: auto, cpu, cuda …")] = "auto"
    temperature: Annotated[
        float | None, Field(ge=0, description="Sampling temperature (default: the endpoint's).")
    ] = None
    max_tokens: Annotated[
        int | None, Field(ge=1, description="Maximum number of tokens of a reply (local: 512).")
    ] = None
    retries: Annotated[
        int, Field(ge=0, description="Retries of a failed request, with growing delays.")
    ] = 6
    timeout: Annotated[
        float, Field(ge=0.1, description="Time limit of one request, in seconds.")
    ] = 60.0
    price_in: Annotated[float, Field(ge=0, description="Price of a million input tokens.")] = 0.0
    price_out: Annotated[float, Field(ge=0, description="Price of a million output tokens.")] = 0.0
    name: Annotated[
        str, Field(description="Name of the instruction data."), Cli(metavar="NAME")
    ] = "curated"
    descriptions: Annotated[
        str | None,
        Field(description="Also write the sentences to the split's descriptions/ as NAME."),
        Cli(metavar="NAME"),
    ] = None
    out: Annotated[
        Path | None,
        Field(description="Write here (default: the split's instructions/NAME/)."),
        Cli(metavar="DIR"),
    ] = None


def curate(asked: CurateArguments) -> int:
    """Have a language model describe how each action is done; write LLaVA's instruction data."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_lego.stages.curate import curate as curate_split
    from egoactgen_lego.stages.curate import write_descriptions

    check_name(asked.name)
    check_name(asked.descriptions)
    chat = _chat(asked)
    split = load_split(current_workspace().find_split(asked.split))
    done = curate_split(
        split,
        asked.out or split.folder / "instructions" / asked.name,
        chat,
        asked,
        progress=_Progress(asked.price_in, asked.price_out),
        # A local model answers one conversation at a time.
        **({"concurrency": 1} if asked.local else {}),
    )
    if asked.descriptions is not None:
        write_descriptions(split, asked.descriptions, done)
    return _report(done, asked.price_in, asked.price_out)


def _chat(asked: CurateArguments) -> "Chat":
    """The language model that the options name."""
    from egoactgen_lego.curation.chat import Endpoint, Local
    from egoactgen_lego.curation.sentence_templates import Templates

    if [asked.model is None, asked.local is None, not asked.templates].count(False) != 1:
        raise BenchError(
            "Give exactly one of --model NAME (of an endpoint), --local DIR and --templates."
        )
    if asked.templates:
        if not asked.boxes:
            raise BenchError(
                "--templates needs --boxes FILE, since its sentences are built from the boxes of "
                "hands and objects; for the toy kitchen, that is "
                "WORKSPACE/datasets/SPLIT/annotations/fho_main.json."
            )
        return Templates()
    if asked.local is not None:
        return Local(asked.local, asked.device, asked.max_tokens or 512)
    return Endpoint(
        asked.model or "",
        asked.base_url,
        asked.key,
        asked.retries,
        asked.timeout,
        asked.temperature,
        asked.max_tokens,
    )


class _Progress:
    """A line on stderr, if it is a terminal, that counts replies, tokens and cost."""

    def __init__(self, price_in: float, price_out: float) -> None:
        self.prices = price_in, price_out

    def __call__(self, replies: "Replies", left: int) -> None:
        import sys

        if sys.stderr.isatty():
            spent = _spent(*replies.tokens(), *self.prices)
            typer.echo(
                f"\r{len(replies.rows)} replies, {left} samples left, {spent} ", nl=False, err=True
            )


def _spent(tokens_in: int, tokens_out: int, price_in: float, price_out: float) -> str:
    text = f"{tokens_in} tokens in, {tokens_out} out"
    if price_in or price_out:
        text += f", cost {(tokens_in * price_in + tokens_out * price_out) / 1e6:.4f}"
    return text


def _report(done: "CurationResult", price_in: float, price_out: float) -> int:
    for row in done.lacking:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    manifest = done.manifest
    replies = ", ".join(f"{count} {status}" for status, count in manifest.replies.items())
    tokens = manifest.tokens
    spent = _spent(tokens["in"], tokens["out"], price_in, price_out)
    counts = manifest.counts
    typer.echo(f"Replies: {replies or 'none'}; {spent}.")
    if manifest.drawn:
        typer.echo(f"Samples: {drawing_sentence(manifest.drawn)}.")
    typer.echo(f"{counts.described} of {counts.samples} samples described in {done.folder}")
    return EXIT_PARTIAL if done.lacking else EXIT_DONE
