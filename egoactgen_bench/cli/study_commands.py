"""`bench export-amt` and `bench import-amt`: batches of user studies, and raters' answers."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Out, SplitName
from egoactgen_bench.api.options import Cli, Options, Words
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import DAILY, STUDIES
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.stages.study.study_options import StudyOptions
from egoactgen_bench.support.waiting import report_waiting


class ExportArguments(StudyOptions):
    """The arguments of `bench export-amt`."""

    runs: Annotated[
        Words,
        Field(description="Runs to compare (default: all finished ones)."),
        Cli(("--run",), "RUN", positional=True, names="runs"),
    ] = ()
    split: SplitName = None
    descriptions: Annotated[
        Words,
        Field(description="Sets of descriptions (default: all of the split)."),
        Cli(metavar="A,B"),
    ] = ()
    pay: Annotated[float, Field(ge=0.01, description="Dollars per answer.")] = 0.05
    seconds_per_task: Annotated[
        float, Field(ge=1, description="Seconds per answer, to compute the hourly wage.")
    ] = 20.0
    name: Annotated[
        str | None, Field(description="Name (default: <split>-<study>)."), Cli(metavar="STUDY")
    ] = None
    out: Out = None
    overwrite: Annotated[
        bool, Field(description="Replace another study of that name."), Cli(("--overwrite",))
    ] = False


class ImportArguments(Options):
    """The arguments of `bench import-amt`."""

    results: Annotated[
        list[Path],
        Field(description="Results files of one study."),
        Cli(metavar="RESULTS.csv", positional=True),
    ]
    study: Annotated[
        str | None,
        Field(description="The study's folder or name (default: the latest)."),
        Cli(metavar="STUDY", names="studies"),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    add_command(
        app,
        "export-amt",
        export_amt,
        [
            "bench export-amt lego ip2p --examples 20 --checks 4",
            "bench export-amt --study description",
        ],
        DAILY,
    )
    add_command(
        app,
        "import-amt",
        import_amt,
        [
            "bench import-amt results.csv --study demo-best-of",
        ],
        STUDIES,
    )


def export_amt(arguments: ExportArguments) -> None:
    """Write a study batch: pages and tables for Mechanical Turk, and a preview for any browser."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.study.export_study import export
    from egoactgen_bench.stages.study.study_cost import Cost

    place = current_workspace()
    split = load_split(place.find_split(arguments.split))
    with report_waiting("Writing the study"):
        folder, plan = export(
            place,
            split,
            arguments,
            arguments.runs,
            arguments.descriptions,
            arguments.name,
            arguments.out,
            arguments.overwrite,
        )
    typer.echo(f"{arguments.study} over {', '.join(plan.candidates)}.")
    for notice in plan.notices():
        typer.echo(f"note: {notice}")
    cost = Cost(len(plan.tasks), arguments.raters, arguments.pay, arguments.seconds_per_task)
    for sentence in cost.sentences():
        typer.echo(sentence)
    typer.echo(
        f"{folder}: open preview.html in a browser; keep study.json and key.csv to yourself."
    )


def import_amt(arguments: ImportArguments) -> None:
    """Read raters' answers: win rates with intervals, agreement, tests and a figure."""
    from egoactgen_bench.artifacts.studies import find_study
    from egoactgen_bench.stages.study.import_answers import import_results

    folder = find_study(current_workspace(), arguments.study)
    with report_waiting("Reading answers"):
        imported = import_results(arguments.results, folder)
    for sentence in imported.sentences():
        typer.echo(sentence)
    typer.echo(
        f"{folder}: win_rates.csv, win_rates.png, comparisons.csv, ratings.csv, agreement.json."
    )
