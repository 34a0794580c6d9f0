"""`bench doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.score import run_folder
from egoactgen_bench.cli.shared import (
    BatchOption,
    DebugOption,
    DeviceOption,
    SoleDescriptionsOption,
    SplitOption,
    WeightsDirOption,
    WorkspaceOption,
    current_workspace,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError

if TYPE_CHECKING:
    from egoactgen_bench.scoring.doctor import Diagnosis


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("doctor")(doctor)


def doctor(
    run: Annotated[
        str | None,
        typer.Argument(metavar="[RUN]", help="A run's name or folder; without: this machine."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="The metric whose number is doubted.")
    ] = None,
    value: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The number, in the paper's unit.")
    ] = None,
    split: SplitOption = None,
    protocol: Annotated[str, typer.Option(help="What variants deviate from.")] = "standard",
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Explained within this; default: half the number's last digit."),
    ] = None,
    combinations: Annotated[
        int, typer.Option(min=0, help="Combinations measured at most, beside each way alone.")
    ] = 128,
    rows: Annotated[int, typer.Option(min=1, help="Rows of the table to print.")] = 15,
    weights_dir: WeightsDirOption = None,
    descriptions: SoleDescriptionsOption = None,
    batch_size: BatchOption = 16,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Find the known variant of a metric that explains a number, or what this machine lacks."""
    if run is None and metric is None and value is None:
        return _check_machine(weights_dir)
    if run is None or metric is None or value is None:
        raise BenchError(
            "Name a run and a number: `bench doctor RUN --metric lpips --value 36.43`."
        )
    from egoactgen_bench.runs import load_run
    from egoactgen_bench.scoring.doctor import diagnose
    from egoactgen_bench.splits import load_split

    place = current_workspace()
    loaded = load_split(place.find_split(split))
    diagnosis = diagnose(
        loaded,
        load_run(run_folder(run, loaded.name)),
        metric,
        value,
        protocol=protocol,
        tolerance=tolerance,
        workspace=place.root,
        weights=weights_dir,
        descriptions=descriptions,
        batch_size=batch_size,
        device=device,
        most=combinations,
        progress=True,
    )
    return _report(diagnosis, rows)


def _check_machine(weights: Path | None) -> int:
    from egoactgen_bench.machine import check

    place = current_workspace()
    for finding in check(place.root, weights or place.models):
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
