"""`bench metrics`: the registered metrics, their direction, and which can be computed here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from egoactgen_bench.api import plugins
from egoactgen_bench.api.common_options import WeightsDir
from egoactgen_bench.api.options import Cli, Options
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import INFORMATION
from egoactgen_bench.cli.listing_commands import checked, show_one, summary
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.cli.wrapped_table import wrapped
from egoactgen_bench.errors import BenchError

if TYPE_CHECKING:
    from egoactgen_bench.api.metric import Metric

DIRECTIONS = {True: "higher", False: "lower"}  # which values are better


class MetricsArguments(Options):
    """The arguments of `bench metrics`."""

    name: Annotated[
        str | None,
        Field(description="Describe this metric."),
        Cli(metavar="NAME", positional=True),
    ] = None
    weights_dir: WeightsDir = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "metrics",
        metrics,
        [
            "bench metrics",
            "bench metrics egovlp",
        ],
        INFORMATION,
    )


def metrics(arguments: MetricsArguments) -> None:
    """List the registered metrics, or describe one of them."""
    place = current_workspace()
    weights = arguments.weights_dir or place.models
    if arguments.name is not None:
        metric = checked("metrics", arguments.name)
        show_one(metric)
        typer.echo(f"\nBetter: {DIRECTIONS[metric.higher_is_better]}.")
        for lacking in _lacking(metric, weights, place.root):
            typer.echo(f"Not here: {lacking}")
        return
    rows = [["NAME", "BETTER", "HERE", ""]]
    for name, point in plugins.registered("metrics").items():
        rows.append([name, *_state(name, weights, place.root), summary(point)])
    for line in wrapped(rows):
        typer.echo(line)
    typer.echo(
        f"\nHERE: whether it can be computed with the weights in {weights}\n(part: for some data "
        "sets or protocols). `bench metrics NAME` shows what is missing. The toy kitchen\nneeds no "
        "published weights."
    )


def _state(name: str, weights: Path, workspace: Path) -> tuple[str, str]:
    """The direction, and yes, part or no; empty for a metric that cannot be loaded."""
    try:
        metric = checked("metrics", name)
        found = _every(metric, weights, workspace)
    except BenchError:
        return "", ""
    lacking = [why for why in found if why]
    here = "yes" if not lacking else "no" if len(lacking) == len(found) else "part"
    return DIRECTIONS[metric.higher_is_better], here


def _lacking(metric: "type[Metric[Any]]", weights: Path, workspace: Path) -> Sequence[str]:
    """Each distinct sentence about what is missing."""
    return list(dict.fromkeys(why for why in _every(metric, weights, workspace) if why))


def _every(metric: "type[Metric[Any]]", weights: Path, workspace: Path) -> list[str]:
    """For each protocol and data set's defaults, what is missing; empty if nothing is."""
    from egoactgen_bench.api.metric import MetricContext
    from egoactgen_bench.measurement.protocols import obstacle
    from egoactgen_bench.measurement.weight_purposes import built_variants

    context = MetricContext(weights=weights, workspace=workspace)
    # Whether a split has the roles that a metric reads is not known here.
    return [obstacle(each, each.needs) or "" for each in built_variants(metric, context)]
