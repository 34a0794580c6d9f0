"""`bench export-amt` and `bench import-amt`: study batches for people, and their answers."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    OutOption,
    SplitOption,
    WorkspaceOption,
    current_workspace,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("export-amt")(export_amt)
    app.command("import-amt")(import_amt)


def export_amt(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Runs to compare (default: all finished ones)."),
    ] = None,
    study: Annotated[
        Literal["best-of", "description"],
        typer.Option(help="Which of K frames is best, or does a description fit."),
    ] = "best-of",
    split: SplitOption = None,
    descriptions: Annotated[
        list[str] | None,
        typer.Option(help="Description set, once for each arm (default: all of the split)."),
    ] = None,
    examples: Annotated[int, typer.Option(min=1, help="Examples, stratified by verb.")] = 60,
    raters: Annotated[int, typer.Option(min=1, help="Raters of each task.")] = 5,
    checks: Annotated[
        int, typer.Option(min=0, help="Extra tasks with a known answer, never counted as votes.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the examples and orders.")] = 0,
    image_base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Where the files of images/ are hosted; without it the batch is for preview.",
        ),
    ] = None,
    pay: Annotated[float, typer.Option(min=0.01, help="Dollars for one answer.")] = 0.05,
    seconds_per_task: Annotated[
        float, typer.Option(min=1, help="Time that one answer takes, for the hourly wage.")
    ] = 20.0,
    consent: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Your own consent line.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="STUDY", help="Name (default: <split>-<study>).")
    ] = None,
    out: OutOption = None,
    overwrite: Annotated[bool, typer.Option(help="Replace another study of that name.")] = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Write a study batch: pages and tables for Mechanical Turk, and a preview for any browser."""
    from egoactgen_bench.user_study.cost import Cost
    from egoactgen_bench.user_study.export import export
    from egoactgen_bench.user_study.plan import Options

    options = Options(study, examples, raters, checks, seed, image_base_url, consent)
    folder, plan = export(
        current_workspace(), split, options, runs or [], descriptions or [], name, out, overwrite
    )
    typer.echo(f"{study} over {', '.join(plan.candidates)}.")
    for notice in plan.notices():
        typer.echo(f"note: {notice}")
    for sentence in Cost(len(plan.tasks), raters, pay, seconds_per_task).sentences():
        typer.echo(sentence)
    typer.echo(
        f"{folder}: open preview.html in a browser; keep study.json and key.csv to yourself."
    )


def import_amt(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS.csv...", help="Results files of one study.")
    ],
    study: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="The study's folder or name (default: the latest)."),
    ] = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> None:
    """Read raters' answers: win rates with intervals, agreement, tests and a figure."""
    from egoactgen_bench.user_study.export import find_study
    from egoactgen_bench.user_study.importing import import_results

    folder = find_study(current_workspace(), study)
    imported = import_results(results, folder)
    for sentence in imported.sentences():
        typer.echo(sentence)
    typer.echo(
        f"{folder}: win_rates.csv, win_rates.png, comparisons.csv, ratings.csv, agreement.json."
    )
