"""Options and outcomes that the commands of `bench lego` share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.shared import current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError

if TYPE_CHECKING:
    from lego.vllm.parts import Outcome
    from lego.vllm.work import Engine

LlavaOption = Annotated[
    str,
    typer.Option(
        metavar="PATH|NAME",
        help="A LLaVA in transformers' form: a path, or a name in the workspace's models/.",
    ),
]
LayoutOption = Annotated[
    str,
    typer.Option("--features-layout", help="safetensors, npy, or released: the authors' folders."),
]
FeaturesDtypeOption = Annotated[
    str,
    typer.Option("--features-dtype", help="Of the files: float16, or bfloat16 (safetensors only)."),
]
QuestionOption = Annotated[
    str | None,
    typer.Option(help="What the VLLM is asked; {} stands for the label. Default: the authors'."),
]


def make_engine(
    weights: str,
    split: str | None,
    batch_size: int,
    device: str,
    dtype: str,
    limit: int | None,
    shard: str,
) -> "Engine":
    """The VLLM and the split that the options name."""
    from egoactgen_bench.splits import load_split
    from lego.vllm.work import Engine, find_weights

    place = current_workspace()
    return Engine(
        load_split(place.find_split(split)),
        find_weights(weights, place.models),
        batch_size,
        device,
        dtype,
        limit,
        shard,
    )


def checked_question(question: str | None) -> str:
    """The question, where it has a place for the label."""
    from lego.vllm.prompting import QUESTION

    if question is not None and question.count("{}") != 1:
        raise BenchError("--question needs one {}, where the action's label goes.")
    return question or QUESTION


def report(done: "Outcome", engine: "Engine", what: str, place: Path) -> int:
    """Print what a call came to; returns its exit status."""
    if engine.share.rank != 0:  # rank 0 speaks for all, and its status is the launcher's
        return EXIT_DONE
    for row in done.failed:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    if done.manifest is None:
        typer.echo(f"Shard {engine.shard} is done; the last one to finish completes {place}")
    else:
        counts = done.manifest["counts"]
        if counts.get("cut_off"):
            typer.echo(f"note: {counts['cut_off']} descriptions do not end within the length.")
        typer.echo(f"{counts[what]} of {counts['samples']} samples {what} in {place}")
    return EXIT_PARTIAL if done.failed else EXIT_DONE
