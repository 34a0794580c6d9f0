"""`bench doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import SplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import RESULTS
from egoactgen_bench.cli.score_command import run_folder
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.stages.doctor.doctor_options import DiagnoseOptions
from egoactgen_bench.support.waiting import report_waiting

if TYPE_CHECKING:
    from egoactgen_bench.stages.doctor.diagnosis import Diagnosis


class DoctorArguments(DiagnoseOptions):
    """The arguments of `bench doctor`."""

    run: Annotated[
        str | None,
        Field(description="Name or folder of a run; without it, check this machine."),
        Cli(("--run",), "RUN", positional=True, names="runs"),
    ] = None
    metric: Annotated[
        str | None,
        Field(description="The metric whose value is to be explained."),
        Cli(metavar="NAME", names="metrics"),
    ] = None
    value: Annotated[
        str | None, Field(description="The value, in the paper's unit."), Cli(metavar="NUMBER")
    ] = None
    split: SplitName = None
    rows: Annotated[int, Field(ge=1, description="Rows of the table to print.")] = 15


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "doctor",
        doctor,
        [
            "bench doctor",
            "bench doctor lego --metric lpips --value 36.43",
        ],
        RESULTS,
    )


def doctor(arguments: DoctorArguments) -> int:
    """Find the variant of a metric that explains a value, or show what this machine lacks."""
    given = (arguments.run, arguments.metric, arguments.value)
    if given == (None, None, None):
        return _check_machine(arguments.weights)
    if arguments.run is None or arguments.metric is None or arguments.value is None:
        raise BenchError(
            "Give a run, a metric and a value: `bench doctor RUN --metric lpips --value 36.43`."
        )
    from egoactgen_bench.artifacts.runs import load_run
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.doctor.diagnosis import diagnose

    place = current_workspace()
    split = load_split(place.find_split(arguments.split))
    run = load_run(run_folder(arguments.run, split.name))
    with report_waiting("Loading metrics"):
        diagnosis = diagnose(
            split,
            run,
            arguments.metric,
            arguments.value,
            arguments,
            workspace=place.root,
            progress=True,
        )
    return _report(diagnosis, arguments.rows)


def _check_machine(weights: Path | None) -> int:
    from egoactgen_bench.stages.doctor.machine import check

    place = current_workspace()
    with report_waiting("Checking this machine"):
        findings = check(place.root, weights or place.models)
    for finding in findings:
        typer.echo(f"{'ok   ' if finding.fine else 'lacks'} {finding.topic}: {finding.text}")
    return EXIT_DONE


def _report(diagnosis: "Diagnosis", rows: int) -> int:
    for failure in diagnosis.failures:
        typer.echo(f"failed: {failure.sample_id}: {failure.code} ({failure.detail})", err=True)
    for notice in diagnosis.notices:
        typer.echo(f"note: {notice}", err=True)
    table = diagnosis.table.head(rows)
    width = table["variant"].str.len().max()
    typer.echo(
        table[["value", "distance", "n", "deviations", "variant"]].to_string(
            index=False,
            float_format=lambda number: f"{number:.4f}",
            formatters={"variant": lambda text: f"  {text:<{width}}"},
            justify="left",
        )
    )
    if len(diagnosis.table) > rows:
        typer.echo(f"… and {len(diagnosis.table) - rows} more (--rows)")
    typer.echo(f"\n{diagnosis.sentence}")
    return EXIT_PARTIAL if diagnosis.failures else EXIT_DONE
