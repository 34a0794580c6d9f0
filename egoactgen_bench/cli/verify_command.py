"""`bench verify`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import RESULTS
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.support.waiting import report_waiting

SHOWN = 20


class VerifyArguments(Options):
    """The arguments of `bench verify`."""

    folder: Annotated[
        Path,
        Field(
            description="A split, run, score, study or archive, or the workspace's cache/hashes."
        ),
        Cli(metavar="DIR", positional=True),
    ]
    against: Annotated[
        Path | None,
        Field(description="Also compare a split with a standard one."),
        Cli(metavar="SPLIT.JSON"),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "verify",
        verify,
        [
            "bench verify workspace/splits/toy-kitchen",
        ],
        RESULTS,
    )


def verify(arguments: VerifyArguments) -> int:
    """Recompute the hashes of a split, run, score, study or archive, and list differences."""
    from egoactgen_bench.stages import verify as stage

    folder, against = arguments.folder, arguments.against
    with report_waiting("Computing hashes"):
        differences = stage.verify(folder)
        if against is not None:
            differences += stage.against(folder, against)
    if not differences:
        equal = f", and equals {against}" if against else ""
        typer.echo(f"{folder}: everything is as recorded{equal}")
        for remark in stage.remarks(folder):
            typer.echo(remark)
        return EXIT_DONE
    for difference in differences[:SHOWN]:
        typer.echo(difference)
    if len(differences) > SHOWN:
        typer.echo(f"… and {len(differences) - SHOWN:,} more")
    typer.echo(f"bench: {folder} is not as recorded (differences: {len(differences):,}).", err=True)
    return EXIT_PARTIAL
