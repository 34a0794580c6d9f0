"""`bench report`."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    OutOption,
    SoleDescriptionsOption,
    SplitOption,
    WorkspaceOption,
    current_workspace,
    words,
)
from egoactgen_bench.errors import BenchError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("report")(report)


def report(
    archive: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[ARCHIVE.zip]...",
            help="Archives of `bench pack`, to lay side by side (default: the workspace's scores).",
        ),
    ] = None,
    split: SplitOption = None,
    ids: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Samples for a figure like the paper's Figure 5."),
    ] = None,
    descriptions: SoleDescriptionsOption = None,
    out: OutOption = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Write one page of everything scored: table, figures, gallery, run cards, people's votes."""
    from egoactgen_bench.reporting import building
    from egoactgen_bench.splits import load_split

    place = current_workspace()
    chosen = words("--ids", ids)
    if archive:
        if split or descriptions:
            raise BenchError("Archives name their split: --split and --descriptions do not apply.")
        made = building.report_submissions(archive, place.root, out, ids=chosen, progress=True)
    else:
        made = building.report(
            load_split(place.find_split(split)),
            place.root,
            out,
            ids=chosen,
            descriptions=descriptions,
            progress=True,
        )
    for notice in made.notices:
        typer.echo(notice)
    typer.echo(f"Report in {made.page}: open it in a browser.")
