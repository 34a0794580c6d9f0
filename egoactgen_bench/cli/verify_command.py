"""`bench verify`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL

SHOWN = 20


class VerifyArguments(Options):
    """What is verified."""

    folder: Annotated[
        Path,
        Field(description="A split, run, score, study or archive."),
        Cli(metavar="DIR", positional=True),
    ]
    against: Annotated[
        Path | None,
        Field(description="Compare a split with a standard one as well."),
        Cli(metavar="SPLIT.JSON"),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(app, "verify", verify)


def verify(asked: VerifyArguments) -> int:
    """Recompute the hashes of a split, run, score, study or archive, and name what differs."""
    from egoactgen_bench.stages import verify as stage

    folder, against = asked.folder, asked.against
    differences = stage.verify(folder)
    if against is not None:
        differences += stage.against(folder, against)
    if not differences:
        equal = f", and equals {against}" if against else ""
        typer.echo(f"{folder}: everything is as recorded{equal}")
        return EXIT_DONE
    for difference in differences[:SHOWN]:
        typer.echo(difference)
    if len(differences) > SHOWN:
        typer.echo(f"… and {len(differences) - SHOWN:,} more")
    typer.echo(f"bench: {folder} is not as recorded (differences: {len(differences):,}).", err=True)
    return EXIT_PARTIAL
