"""`bench pack`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import SplitName
from egoactgen_bench.api.options import Cli, Options, Words
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import RESULTS
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.support.waiting import report_waiting


class PackArguments(Options):
    """The arguments of `bench pack`."""

    run: Annotated[
        Words,
        Field(description="Names of runs (default: all of the split)."),
        Cli(("--run",), "RUN", positional=True, names="runs"),
    ] = ()
    split: SplitName = None
    group: Annotated[
        str, Field(description="Name of your group in joint tables."), Cli(metavar="NAME")
    ] = "anonymous"
    out: Annotated[
        Path | None,
        Field(description="Archive to write (default: packs/<split>-<group>.zip)."),
        Cli(metavar="FILE.zip"),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "pack",
        pack,
        [
            "bench pack lego ip2p --group my-group",
        ],
        RESULTS,
    )


def pack(arguments: PackArguments) -> None:
    """Pack runs, their scores and all hashes into one verifiable archive to share."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.pack import pack as pack_runs

    place = current_workspace()
    split = load_split(place.find_split(arguments.split))
    with report_waiting("Packing"):
        packed = pack_runs(place, split, arguments.run, arguments.group, arguments.out)
    typer.echo(f"{packed.path}: sha256 {packed.sha256}")
    typer.echo(f"{packed.path.with_suffix('.csv')}: its rows for results/leaderboard/.")
    typer.echo("Check the licence of your data set before you share generated images.")
