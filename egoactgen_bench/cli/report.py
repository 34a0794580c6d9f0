"""`bench report`."""

from pathlib import Path
from typing import Annotated

import typer

from egoactgen_bench.cli.shared import DebugOption, WorkspaceOption, current_workspace


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("report")(report)


def report(
    split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Default: the latest finished one that is not train."),
    ] = None,
    ids: Annotated[
        str | None,
        typer.Option(metavar="A,B,C", help="Samples for a figure like the paper's Figure 5."),
    ] = None,
    descriptions: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the split's descriptions/; default: the only ones."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write here instead of the workspace.")
    ] = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Write one page of everything scored: table, figures, gallery, run cards, people's votes."""
    from egoactgen_bench.reporting.building import report
    from egoactgen_bench.splits import load_split

    place = current_workspace()
    loaded = load_split(place.find_split(split))
    chosen = [word.strip() for word in (ids or "").split(",") if word.strip()]
    made = report(loaded, place.root, out, ids=chosen, descriptions=descriptions, progress=True)
    for notice in made.notices:
        typer.echo(notice)
    typer.echo(f"Report in {made.page}: open it in a browser.")
