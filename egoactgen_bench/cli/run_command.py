"""`bench run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import DryRun, Out, Overwrite, SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import DAILY
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.stages.run.run_options import RunOptions
from egoactgen_bench.support.sample_drawing import first_samples
from egoactgen_bench.support.waiting import report_waiting

if TYPE_CHECKING:
    from egoactgen_bench.artifacts.runs import Run
    from egoactgen_bench.stages.run.run_method import RunJob


class RunArguments(RunOptions):
    """The arguments of `bench run`."""

    method: Annotated[
        str,
        Field(
            description="A name of `bench methods`, images:DIR, diffusers:PATH, endpoint:MODEL, or "
            "module:Class."
        ),
        Cli(("--method",), "METHOD", positional=True, names="methods"),
    ]
    split: SplitName = None
    name: Annotated[
        str | None,
        Field(description="Name of the run (default: from the method). Under torchrun use --name."),
        Cli(("--name", "--run"), "NAME"),
    ] = None
    out: Out = None
    overwrite: Overwrite = False
    dry_run: DryRun = False


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "run",
        run,
        [
            "bench run lego",
            "bench run ip2p --weights toy --limit 8 -o steps=20",
        ],
        DAILY,
    )


def run(arguments: RunArguments) -> int:
    """Generate a method's images for a split; an interrupted run resumes."""
    from egoactgen_bench.artifacts.runs import default_name
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.run.run_method import execute, prepare

    check_name(arguments.name)
    place = current_workspace()
    split = load_split(place.find_split(arguments.split))
    folder = arguments.out or place.run(
        split.name, arguments.name or default_name(arguments.method)
    )
    with report_waiting(f"Loading {arguments.method}"):
        job = prepare(
            arguments.method, split, folder, arguments, models=place.models, cache=place.cache
        )
    del split  # the job has those of its columns that it needs
    if arguments.dry_run:
        return _estimate(job, place.root / "runs")
    complete = job.journal.finished and not arguments.overwrite
    done = execute(job, arguments.overwrite, progress=True)
    if job.shard.rank != 0:  # only rank 0 reports, and its status is the launcher's
        return EXIT_DONE
    if complete:
        typer.echo("This run is already complete; --overwrite would start it over.")
    return _report(job, done)


def _estimate(job: "RunJob", runs: Path) -> int:
    from egoactgen_bench.stages.run.run_estimate import estimate

    if job.shard.rank == 0:
        typer.echo(estimate(job, runs))
        typer.echo("Nothing was done (--dry-run).")
    return EXIT_DONE


def _report(job: "RunJob", done: "Run") -> int:
    for row in done.failed.to_dict("records"):
        detail = f" ({row['detail']})" if row["detail"] else ""
        typer.echo(f"failed: {row['sample_id']}: {row['status']}{detail}")
    for notice in call(job.method, "notices"):
        typer.echo(notice)
    if job.plan["limit"]:
        selection = first_samples(job.count, len(job.split.samples))
        typer.echo(f"Samples: {selection} (--limit).")
    made = len(done.finished)
    if done.complete:
        timing = done.manifest.timing
        speed = (timing and timing.images_per_second) or 0
        total = len(done.samples)
        typer.echo(
            f"{done.method}: {made} of {total} images in {done.folder} ({speed:.3g} per second)"
        )
    else:
        typer.echo(
            f"{done.method}: shard {job.shard.index + 1}/{job.shard.count} is done, {made} images; "
            f"the last shard to finish completes {done.folder}"
        )
    return EXIT_PARTIAL if len(done.failed) else EXIT_DONE
