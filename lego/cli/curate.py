"""`bench lego curate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    LimitOption,
    OverwriteOption,
    SplitOption,
    WorkspaceOption,
    check_name,
    current_workspace,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError

if TYPE_CHECKING:
    from lego.curation.chat import Chat
    from lego.curation.curate import Curated
    from lego.curation.replies import Replies


def curate(
    split: SplitOption = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Hands and objects: Ego4D's fho_main.json, a folder of EPIC's hand-object "
            "detections or VISOR files, or JSON by sample id. Samples without are left out.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(envvar="OPENAI_MODEL", help="The endpoint's name of the model.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", envvar="OPENAI_BASE_URL", help="Any OpenAI-compatible endpoint."
        ),
    ] = None,
    key: Annotated[
        str,
        typer.Option(
            envvar="OPENAI_API_KEY",
            show_default=False,
            help="Its key: set the environment variable, since others can see options.",
        ),
    ] = "none",
    local: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Ask a chat model in this transformers folder instead."),
    ] = None,
    templates: Annotated[
        bool, typer.Option("--templates", help="Fill in sentences instead: for the toy kitchen.")
    ] = False,
    device: Annotated[str, typer.Option(help="Of a local model: auto, cpu, cuda …")] = "auto",
    temperature: Annotated[
        float | None, typer.Option(min=0, help="Default: the endpoint's own.")
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of a reply (local: 512).")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests at a time.")] = 8,
    attempts: Annotated[int, typer.Option(min=1, help="Replies to a sample at most.")] = 3,
    retries: Annotated[
        int, typer.Option(min=0, help="Of a request that fails, waiting longer each time.")
    ] = 6,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds of one request.")] = 60.0,
    price_in: Annotated[
        float, typer.Option(min=0, help="Price of a million tokens that the model reads.")
    ] = 0.0,
    price_out: Annotated[
        float, typer.Option(min=0, help="Price of a million tokens that it writes.")
    ] = 0.0,
    examples: Annotated[
        Path | None, typer.Option(metavar="JSON", help="Worked examples (default: 8 of ours).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws each sample's question template.")] = 0,
    limit: LimitOption = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Of the data set made.")] = "curated",
    descriptions: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of the split's descriptions/: write the sentences there, too."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default: the split's instructions/NAME/.")
    ] = None,
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Ask a language model how each action is done, and write LLaVA's instruction data."""
    from egoactgen_bench.splits import load_split
    from lego.curation import asking
    from lego.curation.chat import Endpoint, Local
    from lego.curation.curate import curate, write_descriptions
    from lego.curation.templates import Templates

    check_name(name)
    check_name(descriptions or name)
    if [model is None, local is None, not templates].count(False) != 1:
        raise BenchError("Name one of --model of an endpoint, --local DIR, and --templates.")
    chat: Chat
    if templates:
        chat = Templates()
    elif local is not None:
        chat, concurrency = Local(local, device, max_tokens or 512), 1
    else:
        chat = Endpoint(model or "", base_url, key, retries, timeout, temperature, max_tokens)
    place = current_workspace()
    loaded = load_split(place.find_split(split))
    done = curate(
        loaded,
        out or loaded.folder / "instructions" / name,
        chat,
        boxes=boxes,
        examples=examples or asking.EXAMPLES,
        seed=seed,
        limit=limit,
        concurrency=concurrency,
        attempts=attempts,
        overwrite=overwrite,
        progress=_Progress(price_in, price_out),
    )
    if descriptions is not None:
        write_descriptions(loaded, descriptions, done)
    return _report(done, price_in, price_out)


class _Progress:
    """A line on stderr that counts replies, tokens and cost, where that is a terminal."""

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


def _report(done: "Curated", price_in: float, price_out: float) -> int:
    for row in done.lacking:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    manifest = done.manifest
    replies = ", ".join(f"{count} {status}" for status, count in manifest["replies"].items())
    tokens = manifest["tokens"]
    spent = _spent(tokens["in"], tokens["out"], price_in, price_out)
    counts = manifest["counts"]
    typer.echo(f"Replies: {replies or 'none'}; {spent}.")
    typer.echo(f"{counts['described']} of {counts['samples']} samples described in {done.folder}")
    return EXIT_PARTIAL if done.lacking else EXIT_DONE
