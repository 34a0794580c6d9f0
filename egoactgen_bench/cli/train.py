"""`bench train`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    DescriptionsOption,
    DeviceOption,
    OutOption,
    OverwriteOption,
    PresetOption,
    TrainSplitOption,
    WorkspaceOption,
    check_name,
    current_workspace,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.options import parse_pairs

if TYPE_CHECKING:
    from egoactgen_bench.training import Job


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train")(train)


def train(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="A name of `bench trainers`, or module:Class.")
    ],
    split: TrainSplitOption = None,
    preset: PresetOption = "toy",
    option: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="KEY=VALUE", help="Options; see `bench trainers METHOD`."),
    ] = None,
    descriptions: DescriptionsOption = None,
    seed: Annotated[int, typer.Option(help="Of all that is drawn by chance.")] = 0,
    device: DeviceOption = "auto",
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Of the weights (default: METHOD-SPLIT)."),
    ] = None,
    out: OutOption = None,
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Train a method on a split's frames; an interrupted training goes on where it was."""
    from egoactgen_bench.runs import default_name
    from egoactgen_bench.splits import load_split
    from egoactgen_bench.training import execute, prepare

    check_name(name)
    place = current_workspace()
    loaded = load_split(place.find_split(split, train=True))
    job = prepare(
        method,
        loaded,
        out or place.models / (name or f"{default_name(method)}-{loaded.name}"),
        models=place.models,
        cache=place.cache,
        preset=preset,
        descriptions=descriptions,
        options=parse_pairs(option or []),
        seed=seed,
        device=device,
        progress=True,
    )
    complete = job.finished and not overwrite
    manifest = execute(job, overwrite)
    if job.rank != 0:  # rank 0 speaks for all, and its status is the launcher's
        return EXIT_DONE
    if complete:
        typer.echo("This training is complete already; --overwrite would start it anew.")
    return _report(job, manifest)


def _report(job: "Job", manifest: dict[str, Any]) -> int:
    left_out = manifest.get("left_out", {})
    for sample_id, code in left_out.items():
        typer.echo(f"left out: {sample_id}: {code}", err=True)
    if manifest["subset"] != "train":
        typer.echo(
            f"note: '{manifest['split']}' is no training split: "
            "scores on its samples will not be what these weights can do.",
            err=True,
        )
    typer.echo(f"{manifest['trainer']}: {manifest['summary']}")
    typer.echo(f"Weights in {job.folder}")
    return EXIT_PARTIAL if left_out else EXIT_DONE
