"""`bench report`."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Out, SoleDescriptionsName, SplitName
from egoactgen_bench.api.options import Cli, Options, Words
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import RESULTS
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.errors import BenchError


class ReportArguments(Options):
    """The arguments of `bench report`."""

    archive: Annotated[
        list[Path],
        Field(description="Archives of `bench pack` to compare (default: the workspace's scores)."),
        Cli(metavar="ARCHIVE.zip", kind=list[Path], positional=True),
    ] = Field(default_factory=list)
    split: SplitName = None
    ids: Annotated[
        Words,
        Field(description="Samples for a figure like the paper's Figure 5."),
        Cli(metavar="A,B,C"),
    ] = ()
    descriptions: SoleDescriptionsName = None
    out: Out = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "report",
        report,
        [
            "bench report",
            "bench report --split demo --ids V00_0,V00_1",
        ],
        RESULTS,
    )


def report(arguments: ReportArguments) -> None:
    """Write one page of all scores: table, figures, gallery, run cards, user studies."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.report import write_report

    place = current_workspace()
    if arguments.archive:
        if arguments.split or arguments.descriptions:
            raise BenchError("Archives contain their split: omit --split and --descriptions.")
        made = write_report.report_submissions(
            arguments.archive, place.root, arguments.out, ids=arguments.ids, progress=True
        )
    else:
        made = write_report.report(
            load_split(place.find_split(arguments.split)),
            place.root,
            arguments.out,
            ids=arguments.ids,
            descriptions=arguments.descriptions,
            progress=True,
        )
    for notice in made.notices:
        typer.echo(notice)
    typer.echo(f"Report in {made.page}: open it in a browser.")
