"""`bench verify`."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import DebugOption, WorkspaceOption
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL

SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("verify")(verify)


def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A split, run, score, study or archive.")
    ],
    against: Annotated[
        Path | None,
        typer.Option(metavar="SPLIT.JSON", help="Compare a split with a standard one as well."),
    ] = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Recompute the hashes of a split, run, score, study or archive, and name what differs."""
    from egoactgen_bench import verifying

    differences = verifying.verify(folder)
    if against is not None:
        differences += verifying.against(folder, against)
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
