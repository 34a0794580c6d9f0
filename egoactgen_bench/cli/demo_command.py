"""`bench demo`."""

import time
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Device, Overwrite, Seed
from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import DAILY
from egoactgen_bench.cli.shared_options import (
    check_name,
    current_workspace,
    terminal_width,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.support.devices import default_workers


class DemoArguments(Options):
    """The arguments of `bench demo`."""

    clips: Annotated[int, Field(ge=1, description="Clips to generate."), Cli(metavar="N")] = 32
    seed: Seed = 0
    steps: Annotated[
        int | None,
        Field(ge=1, description="Sampling steps of each method (default: its own)."),
        Cli(metavar="N"),
    ] = None
    workers: Annotated[
        int | None,
        Field(ge=1, description="Videos rendered at a time (default: CPUs, up to 16)."),
        Cli(metavar="N"),
    ] = None
    device: Device = "auto"
    name: Annotated[
        str, Field(description="Name of the split in the workspace."), Cli(metavar="SPLIT")
    ] = "demo"
    vlm_judge: Annotated[
        bool,
        Field(description="Also score with a toy vision-language model behind an endpoint."),
        Cli(("--vlm-judge",)),
    ] = False
    overwrite: Overwrite = False


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "demo",
        demo,
        [
            "bench demo",
            "bench demo --clips 8 --steps 5",
        ],
        DAILY,
    )


def demo(arguments: DemoArguments) -> int:
    """Run the whole loop with all methods on the toy kitchen: table, report and study in minutes.

    It needs no data, no download and no GPU; an interrupted call resumes. Other commands work on
    its split, runs and scores, too, such as `bench report --split demo --ids A,B`.
    """
    check_name(arguments.name)
    from egoactgen_bench.demo import Demo, steps
    from egoactgen_bench.presentation.terminal_table import text

    start = time.monotonic()
    settled = Demo(
        current_workspace(),
        name=arguments.name,
        clips=arguments.clips,
        seed=arguments.seed,
        steps=arguments.steps,
        workers=arguments.workers or default_workers(),
        device=arguments.device,
        overwrite=arguments.overwrite,
        vlm_judge=arguments.vlm_judge,
    )
    complete = True
    ordered = steps(settled)
    for number, (description, step) in enumerate(ordered, start=1):
        typer.echo(f"[{number}/{len(ordered)}] {description} …", err=True)
        result = step(settled)
        complete = complete and result.complete
        for notice in result.notices:
            typer.echo(f"      {notice}", err=True)
    typer.echo(f"Done in {time.monotonic() - start:.0f} s.\n", err=True)
    typer.echo(text(settled.scores, terminal_width()))
    typer.echo(f"Study in {settled.study}: open preview.html in a browser.")
    typer.echo(f"Report in {settled.page}: open it in a browser.")
    return EXIT_DONE if complete else EXIT_PARTIAL
