"""`bench run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    DescriptionsOption,
    DeviceOption,
    DryRunOption,
    DtypeOption,
    LimitOption,
    MethodBatchOption,
    OutOption,
    OverwriteOption,
    OwnOption,
    SeedOption,
    ShardOption,
    SplitOption,
    WeightsOption,
    WorkspaceOption,
    check_name,
    current_workspace,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.options import parse_pairs

if TYPE_CHECKING:
    from egoactgen_bench.running.stage import Job
    from egoactgen_bench.runs import Run


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("run")(run)


def run(
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="NAME",
            help="A name of `bench methods`, images:DIR, diffusers:PATH, or module:Class.",
        ),
    ],
    split: SplitOption = None,
    weights: WeightsOption = None,
    descriptions: DescriptionsOption = None,
    seed: SeedOption = 0,
    batch_size: MethodBatchOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    limit: LimitOption = None,
    shard: ShardOption = "1/1",
    option: OwnOption = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            "--run",
            metavar="NAME",
            help="The run's name (default: the method's); under torchrun write --name.",
        ),
    ] = None,
    out: OutOption = None,
    overwrite: OverwriteOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Make a method's images for a split; an interrupted run goes on where it was."""
    from egoactgen_bench.running.stage import execute, prepare
    from egoactgen_bench.runs import default_name
    from egoactgen_bench.splits import load_split

    check_name(name)
    place = current_workspace()
    loaded = load_split(place.find_split(split))
    job = prepare(
        method,
        loaded,
        out or place.run(loaded.name, name or default_name(method)),
        models=place.models,
        cache=place.cache,
        weights=weights,
        descriptions=descriptions,
        options=parse_pairs(option or []),
        seed=seed,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        limit=limit,
        shard=shard,
    )
    if dry_run:
        return _estimate(job, place.root / "runs")
    complete = job.journal.finished and not overwrite
    done = execute(job, overwrite, progress=True)
    if job.share.rank != 0:  # rank 0 speaks for all, and its status is the launcher's
        return EXIT_DONE
    if complete:
        typer.echo("This run is complete already; --overwrite would start it anew.")
    return _report(job, done)


def _estimate(job: "Job", runs: Path) -> int:
    from egoactgen_bench.running.stage import estimate

    if job.share.rank == 0:
        typer.echo(estimate(job, runs))
        typer.echo("Nothing was done (--dry-run).")
    return EXIT_DONE


def _report(job: "Job", done: "Run") -> int:
    for row in done.failed.to_dict("records"):
        detail = f" ({row['detail']})" if row["detail"] else ""
        typer.echo(f"failed: {row['sample_id']}: {row['status']}{detail}")
    for notice in job.method.notices():
        typer.echo(notice)
    made = len(done.finished)
    if done.complete:
        speed = done.manifest["timing"]["images_per_second"] or 0
        total = len(done.samples)
        typer.echo(
            f"{done.method}: {made} of {total} images in {done.folder} ({speed:.3g} a second)"
        )
    else:
        typer.echo(
            f"{done.method}: shard {job.share.index + 1}/{job.share.count} is done, {made} images; "
            f"the last shard to finish completes {done.folder}"
        )
    return EXIT_PARTIAL if len(done.failed) else EXIT_DONE
