"""`bench demo`."""

import time
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    DeviceOption,
    OverwriteOption,
    SeedOption,
    WorkspaceOption,
    check_name,
    current_workspace,
    default_workers,
    terminal_width,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("demo")(demo)


def demo(
    clips: Annotated[int, typer.Option(min=1, metavar="N", help="Clips to draw.")] = 32,
    seed: SeedOption = 0,
    denoising_steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, metavar="N", help="Of each method (default: its own)."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Videos drawn at a time (default: CPUs, up to 16)."),
    ] = None,
    device: DeviceOption = "auto",
    name: Annotated[
        str, typer.Option(metavar="SPLIT", help="The split's name in the workspace.")
    ] = "demo",
    overwrite: OverwriteOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """See the whole loop, all methods, on the toy kitchen: table, report and study in minutes.

    It needs no data, no download and no GPU; an interrupted call goes on where it was. Its split,
    runs and scores are those of any other: `bench report --split demo --ids A,B` works on them.
    """
    check_name(name)
    from egoactgen_bench.demo import Demo, steps
    from egoactgen_bench.scoring.terminal import text

    start = time.monotonic()

    asked = Demo(
        current_workspace(),
        name=name,
        clips=clips,
        seed=seed,
        steps=denoising_steps,
        workers=workers or default_workers(),
        device=device,
        overwrite=overwrite,
    )
    complete = True
    ordered = steps(asked)
    for number, (words, step) in enumerate(ordered, start=1):
        typer.echo(f"[{number}/{len(ordered)}] {words} …", err=True)
        told = step(asked)
        complete = complete and told.complete
        for notice in told.notices:
            typer.echo(f"      {notice}", err=True)
    typer.echo(f"Done in {time.monotonic() - start:.0f} s.\n", err=True)
    typer.echo(text(asked.scores, terminal_width()))
    typer.echo(f"Study in {asked.study}: open preview.html in a browser.")
    typer.echo(f"Report in {asked.page}: open it in a browser.")
    return EXIT_DONE if complete else EXIT_PARTIAL
