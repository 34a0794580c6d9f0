"""`bench pack`."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import DebugOption, SplitOption, WorkspaceOption, current_workspace


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("pack")(pack)


def pack(
    run: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Names of runs (default: all of the split)."),
    ] = None,
    split: SplitOption = None,
    group: Annotated[
        str, typer.Option(metavar="NAME", help="Whose runs these are, for tables of several.")
    ] = "anonymous",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.zip", help="Default: packs/<split>-<group>.zip, workspace."),
    ] = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Pack runs, their scores and all hashes into one verifiable archive to hand on."""
    from egoactgen_bench.splits import load_split
    from egoactgen_bench.submissions.packing import pack

    place = current_workspace()
    packed = pack(place, load_split(place.find_split(split)), run or [], group, out)
    typer.echo(f"{packed.path}: sha256 {packed.sha256}")
    typer.echo(f"{packed.path.with_suffix('.csv')}: its rows for results/leaderboard/.")
    typer.echo("Look at your data set's licence before you hand generated frames on.")
