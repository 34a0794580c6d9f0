"""`bench lego enrich`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Seed
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.support.waiting import report_waiting
from egoactgen_lego.cli.served_model import (
    ServedModelOptions,
    chat_client,
    reply_progress,
    spent_text,
)
from egoactgen_lego.cli.vllm_options import (
    VLLM_WEIGHTS,
    VllmArguments,
    checked_question,
    make_engine,
    make_writer,
    report,
)
from egoactgen_lego.vllm.sampling import Sampling


class EnrichArguments(VllmArguments, Sampling, ServedModelOptions):
    """Which model describes the samples, how, and where the descriptions are written."""

    weights: Annotated[
        str | None, Field(description=VLLM_WEIGHTS), Cli(metavar="PATH|NAME", show_default=False)
    ] = None
    name: Annotated[str, Field(description="Name of the descriptions."), Cli(metavar="NAME")] = (
        "vllm"
    )
    seed: Seed = 0
    features: Annotated[
        Path | None,
        Field(description="Also save H_i and H_t here, for `bench run -o features=DIR`."),
        Cli(metavar="DIR"),
    ] = None
    attempts: Annotated[
        int, Field(ge=1, description="Maximum number of requests per sample (--model).")
    ] = 3


def enrich(asked: EnrichArguments) -> int:
    """Describe how each sample's action is done, from its frame and its label.

    Give --weights for a VLLM on this machine, or --model for one behind an OpenAI-compatible API.
    """
    check_name(asked.name)
    # A model in the environment is meant only if no weights are named.
    return _enrich_here(asked, asked.weights) if asked.weights else _enrich_served(asked)


def _enrich_here(asked: EnrichArguments, weights: str) -> int:
    from egoactgen_lego.stages.enrich import enrich as enrich_split

    engine = make_engine(asked, weights)
    writer = make_writer(asked, asked.features) if asked.features else None
    with report_waiting("Loading the VLLM"):
        done = enrich_split(
            engine,
            asked.name,
            sampling=_sampling(asked),
            question=checked_question(asked.question),
            seed=asked.seed,
            features=writer,
            overwrite=asked.overwrite,
            progress=True,
        )
    table = engine.split.folder / "descriptions" / f"{asked.name}.csv"
    return report(done, engine, "described", table)


def _enrich_served(asked: EnrichArguments) -> int:
    if asked.model is None:
        raise BenchError("Give --weights DIR, or --model NAME for a model behind an API.")
    if asked.features is not None or asked.shard != "1/1":
        raise BenchError(
            "--features and --shard need --weights: a server gives texts only, and one process "
            "sends all requests. Compute the features with `bench lego embed` afterwards."
        )
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_lego.stages.enrich_served import ServedEnriching

    split = load_split(current_workspace().find_split(asked.split))
    stage = ServedEnriching(
        split,
        chat_client(asked, split),
        asked.name,
        _sampling(asked),
        checked_question(asked.question),
        asked.seed,
        asked.limit,
    )
    with reply_progress(asked.prices) as progress:
        done = stage.run(asked.concurrency, asked.attempts, asked.overwrite, progress)
    for row in done.failed:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    if stage.choice.selection:
        typer.echo(f"Samples: {stage.choice.selection}.")
    counts, record = done.counts, done.endpoint
    assert record is not None
    tokens: dict[str, int | None] = {"in": None, "out": None, **(record.tokens or {})}
    spent = spent_text(tokens["in"], tokens["out"], record.cost)
    typer.echo(f"Replies: {record.replies}; {spent}.")
    if counts["cut_off"]:
        typer.echo(f"note: {counts['cut_off']} descriptions are cut off at the maximum length.")
    table = split.folder / "descriptions" / f"{asked.name}.csv"
    typer.echo(f"{counts['described']} of {counts['samples']} samples described in {table}")
    return EXIT_PARTIAL if done.failed else EXIT_DONE


def _sampling(asked: EnrichArguments) -> Sampling:
    return Sampling(**asked.model_dump(include=set(Sampling.model_fields)))
