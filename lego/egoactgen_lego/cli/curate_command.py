"""`bench lego curate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Device, SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.support.hub_snapshots import snapshot_in
from egoactgen_bench.support.sample_drawing import drawing_sentence
from egoactgen_lego.cli.served_model import (
    ServedModelOptions,
    chat_client,
    reply_progress,
    spent_text,
)
from egoactgen_lego.options.curate_options import CurateOptions

if TYPE_CHECKING:
    from egoactgen_bench.artifacts.splits import Split
    from egoactgen_lego.curation.chat import Chat
    from egoactgen_lego.stages.curate import CurationResult


class CurateArguments(CurateOptions, ServedModelOptions):
    """Which model describes which split, and where the data is written."""

    split: SplitName = None
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
    device: Device = "auto"
    temperature: Annotated[
        float | None, Field(ge=0, description="Sampling temperature (default: the endpoint's).")
    ] = None
    max_tokens: Annotated[
        int | None, Field(ge=1, description="Maximum number of tokens of a reply (local: 512).")
    ] = None
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
    split = load_split(current_workspace().find_split(asked.split))
    chat = _chat(asked, split)
    with reply_progress(asked.prices) as progress:
        done = curate_split(
            split,
            asked.out or split.folder / "instructions" / asked.name,
            chat,
            asked,
            progress=progress,
            # A local model answers one conversation at a time.
            **({"concurrency": 1} if asked.local else {}),
        )
    if asked.descriptions is not None:
        write_descriptions(split, asked.descriptions, done)
    return _report(done)


def _chat(asked: CurateArguments, split: "Split") -> "Chat":
    """The language model that the options name."""
    from egoactgen_lego.curation.chat import Local, ServedChat
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
        return Local(snapshot_in(asked.local), asked.device, asked.max_tokens or 512)
    return ServedChat(chat_client(asked, split), asked.temperature, asked.max_tokens)


def _report(done: "CurationResult") -> int:
    for row in done.lacking:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    manifest = done.manifest
    replies = ", ".join(f"{count} {status}" for status, count in manifest.replies.items())
    tokens, endpoint = manifest.tokens, manifest.endpoint
    spent = spent_text(tokens["in"], tokens["out"], endpoint.cost if endpoint else None)
    counts = manifest.counts
    typer.echo(f"Replies: {replies or 'none'}; {spent}.")
    if manifest.drawn:
        typer.echo(f"Samples: {drawing_sentence(manifest.drawn)}.")
    typer.echo(f"{counts.described} of {counts.samples} samples described in {done.folder}")
    return EXIT_PARTIAL if done.lacking else EXIT_DONE
