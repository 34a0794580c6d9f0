"""Options and output that commands of `bench lego` share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import (
    BatchSize,
    Device,
    Dtype,
    Overwrite,
    Shard,
    SplitName,
)
from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.support.waiting import report_waiting
from egoactgen_lego.options.vllm_limit import VllmLimit

if TYPE_CHECKING:
    from egoactgen_lego.features.feature_files import FeatureWriter
    from egoactgen_lego.vllm.engine import Engine
    from egoactgen_lego.vllm.vllm_result import VllmOutcome


VLLM_WEIGHTS = "A LLaVA in transformers' format: a path, or a name in the workspace's models/."


class VllmArguments(Options):
    """The split that a VLLM processes, and how its features are written."""

    split: SplitName = None
    question: Annotated[
        str | None,
        Field(description="Question to the VLLM, with {} for the label (default: the authors')."),
    ] = None
    features_layout: Annotated[
        str,
        Field(description="File layout; released: the authors'."),
        Cli(choices=("safetensors", "npy", "released")),
    ] = "safetensors"
    features_dtype: Annotated[
        str,
        Field(description="Type of the stored numbers; bfloat16 with safetensors only."),
        Cli(choices=("float16", "bfloat16")),
    ] = "float16"
    features_kinds: Annotated[
        str,
        Field(description="joint (H_i and H_t), or feature kinds joined by +."),
        Cli(metavar="KINDS"),
    ] = "joint"
    batch_size: BatchSize = 4
    device: Device = "auto"
    dtype: Dtype = "float32"
    limit: VllmLimit = None
    shard: Shard = "1/1"
    overwrite: Overwrite = False


def make_engine(asked: VllmArguments, weights: str) -> "Engine":
    """The engine for a VLLM, and the split that the options name."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_lego.vllm_weights import find_weights

    place = current_workspace()
    split = load_split(place.find_split(asked.split))
    found = find_weights(weights, place.models)
    with report_waiting("Loading PyTorch"):
        from egoactgen_lego.vllm.engine import Engine, EngineOptions

        options = EngineOptions(**asked.model_dump(include=set(EngineOptions.model_fields)))
        return Engine(split, found, options)


def make_writer(asked: VllmArguments, folder: Path) -> "FeatureWriter":
    """The writer of features to `folder`, as the options say."""
    from egoactgen_lego.features.conditioning_names import kinds_of
    from egoactgen_lego.features.feature_files import FeatureWriter

    kinds = kinds_of(asked.features_kinds)
    return FeatureWriter(folder, asked.features_layout, asked.features_dtype, kinds)


def checked_question(question: str | None) -> str:
    """The question, or the default; `BenchError` if it has no place for the label."""
    from egoactgen_lego.vllm.prompting import QUESTION

    if question is not None and question.count("{}") != 1:
        raise BenchError(
            "--question needs exactly one {}, which is replaced by the action's label."
        )
    return question or QUESTION


def report(done: "VllmOutcome", engine: "Engine", what: str, place: Path) -> int:
    """Print the result of a call; returns its exit status."""
    if engine.share.rank != 0:  # only rank 0 reports, and its status is the launcher's
        return EXIT_DONE
    for row in done.failed:
        typer.echo(f"failed: {row['sample_id']}: {row['status']} ({row['detail']})")
    if done.manifest is None:
        typer.echo(
            f"Shard {engine.options.shard} is done; the last shard to finish completes {place}"
        )
    else:
        counts = done.manifest.counts
        if engine.selection:
            typer.echo(f"Samples: {engine.selection}.")
        if done.manifest.toy_weights:
            typer.echo(
                f"note: '{done.manifest.vllm}' has toy weights, trained only on the toy kitchen: "
                "runs that use its results are marked."
            )
        if counts.get("cut_off"):
            typer.echo(f"note: {counts['cut_off']} descriptions are cut off at the maximum length.")
        typer.echo(f"{counts[what]} of {counts['samples']} samples {what} in {place}")
    return EXIT_PARTIAL if done.failed else EXIT_DONE
