"""`bench train`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import DryRun, Out, Overwrite, TrainSplits
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import TRAINING
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.stages.train.train_options import TrainOptions
from egoactgen_bench.support.waiting import report_waiting, tell

if TYPE_CHECKING:
    from egoactgen_bench.artifacts.manifests import TrainManifest
    from egoactgen_bench.artifacts.splits import Split
    from egoactgen_bench.artifacts.workspace import Workspace
    from egoactgen_bench.stages.train.train_weights import TrainingJob


class TrainArguments(TrainOptions):
    """The arguments of `bench train`."""

    method: Annotated[
        str,
        Field(description="A name of `bench trainers`, or module:Class."),
        Cli(("--method",), "METHOD", positional=True, names="trainers"),
    ]
    split: TrainSplits = ()
    name: Annotated[
        str | None,
        Field(description="Name of the weights (default: METHOD-SPLIT)."),
        Cli(metavar="NAME"),
    ] = None
    out: Out = None
    overwrite: Overwrite = False
    dry_run: DryRun = False


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "train",
        train,
        [
            "bench train ip2p --preset toy -o iterations=100",
            "bench train lego --split epic-kitchens-train --preset sd15 --dry-run",
        ],
        TRAINING,
    )


def train(arguments: TrainArguments) -> int:
    """Train a method on a split's frames; an interrupted training resumes."""
    from egoactgen_bench.artifacts.runs import default_name
    from egoactgen_bench.stages.train.train_weights import execute, prepare

    check_name(arguments.name)
    place = current_workspace()
    split = _split(place, arguments.split)
    if arguments.dry_run:
        return _plan(arguments, split, place)
    name = arguments.name or f"{default_name(arguments.method)}-{split.name}"
    with report_waiting(f"Loading {arguments.method}"):
        job = prepare(
            arguments.method,
            split,
            arguments.out or place.models / name,
            arguments,
            models=place.models,
            cache=place.cache,
            logs=place.logs,
            progress=True,
        )
    complete = job.finished and not arguments.overwrite
    first = job.rank == 0
    with report_waiting("Preparing the training", shown=first):
        manifest = execute(job, arguments.overwrite, tell if first else lambda sentence: None)
    if job.rank != 0:  # only rank 0 reports, and its status is the launcher's
        return EXIT_DONE
    if complete:
        typer.echo("This training is already complete; --overwrite would start it over.")
    return _report(job, manifest)


def _plan(arguments: TrainArguments, split: "Split", place: "Workspace") -> int:
    from egoactgen_bench.stages.train.training_estimate import costs
    from egoactgen_bench.support.sharding import ProcessShard

    lines = costs(arguments.method, split, arguments, models=place.models, cache=place.cache)
    if ProcessShard.of_process().rank == 0:
        typer.echo("\n".join([*lines, "Nothing was done (--dry-run)."]))
    return EXIT_DONE


def _split(place: "Workspace", named: Sequence[str]) -> "Split":
    """The split of --split, or several as one."""
    from egoactgen_bench.artifacts.joint_splits import join
    from egoactgen_bench.artifacts.splits import load_split

    if not named:
        return load_split(place.find_split(None, train=True))
    pairs = [each.partition("=") for each in named]
    splits = [load_split(place.find_split(name)) for name, _, _ in pairs]
    weights = [weight for _, equals, weight in pairs if equals]
    if len(splits) == 1 and not weights:
        return splits[0]
    if len(weights) not in (0, len(splits)) or len(splits) == 1:
        raise BenchError("--split: give a weight to each of several splits, or to none.")
    return join(splits, weights or None)


def _report(job: "TrainingJob", manifest: "TrainManifest") -> int:
    for sample_id, code in manifest.left_out.items():
        typer.echo(f"left out: {sample_id}: {code}", err=True)
    if manifest.subset != "train":
        typer.echo(
            f"note: '{manifest.split}' is not a training split: "
            "scores on its samples will not show what these weights can do.",
            err=True,
        )
    typer.echo(f"{manifest.trainer}: {manifest.summary}")
    typer.echo(f"Weights in {job.folder}")
    return EXIT_PARTIAL if manifest.left_out else EXIT_DONE
