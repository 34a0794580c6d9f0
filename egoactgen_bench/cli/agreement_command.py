"""`bench agreement`."""

from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Out
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import STUDIES
from egoactgen_bench.cli.shared_options import current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.stages.agreement.agree_options import AgreementOptions
from egoactgen_bench.support.waiting import report_waiting

if TYPE_CHECKING:
    from egoactgen_bench.artifacts.metric_agreement import MetricAgreement


class AgreementArguments(AgreementOptions):
    """The arguments of `bench agreement`."""

    study: Annotated[
        str | None,
        Field(description="The study's folder or name (default: the latest)."),
        Cli(("--study",), "STUDY", positional=True, names="studies"),
    ] = None
    out: Out = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "agreement",
        agreement,
        [
            "bench agreement demo-best-of",
            "bench agreement --ratings ratings.csv --scores scores.csv",
        ],
        STUDIES,
    )


def agreement(arguments: AgreementArguments) -> int:
    """Compare each metric with raters: accuracy, Kendall's τ, intervals, tests and a figure."""
    from egoactgen_bench.artifacts.studies import find_study, load_study
    from egoactgen_bench.presentation.agreement_table import agreement_text
    from egoactgen_bench.stages.agreement.agree import agree_with_study, agree_with_table

    place = current_workspace()
    if arguments.ratings is not None and arguments.study is not None:
        raise BenchError(f"Pass either a study ('{arguments.study}') or --ratings, not both.")
    with report_waiting("Comparing metrics with raters"):
        if arguments.ratings is None:
            study = load_study(find_study(place, arguments.study))
            found = agree_with_study(study, place, arguments, arguments.out)
        else:
            found = agree_with_table(place, arguments, arguments.out)
    typer.echo(agreement_text(found))
    return _report(found)


def _report(found: "MetricAgreement") -> int:
    """Print the rows that do not count, and where the results are."""
    for row in found.rejected.to_dict("records"):
        typer.echo(f"failed: {row['row']}: {row['reason']} ({row['detail']})", err=True)
    typer.echo(
        f"{found.folder}: agreement_metrics.csv, agreement_metrics.png, agreement_tests.csv, "
        "agreement_pairs.csv."
    )
    return EXIT_PARTIAL if len(found.rejected) else EXIT_DONE
