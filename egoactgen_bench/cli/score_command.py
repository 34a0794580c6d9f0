"""`bench score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import DryRun, Out, SplitName
from egoactgen_bench.api.options import Cli, Words
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import DAILY
from egoactgen_bench.cli.shared_options import current_workspace, terminal_width
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.stages.score.score_options import ScoreOptions
from egoactgen_bench.support.waiting import report_waiting

if TYPE_CHECKING:
    from egoactgen_bench.artifacts.scores import Scores
    from egoactgen_bench.stages.score.scoring_job import ScoringJob
    from egoactgen_bench.support.process_groups import Processes


class ScoreArguments(ScoreOptions):
    """The arguments of `bench score`."""

    run: Annotated[
        Words,
        Field(description="Names or folders of runs (default: all of the split)."),
        Cli(("--run",), "RUN", positional=True, names="runs"),
    ] = ()
    split: SplitName = None
    out: Out = None
    dry_run: DryRun = False


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "score",
        score,
        [
            "bench score",
            "bench score lego ip2p --metrics psnr,lpips --reference copy-input",
        ],
        DAILY,
    )


def score(arguments: ScoreArguments) -> int:
    """Score runs against the split's target frames; an interrupted call resumes."""
    from egoactgen_bench.support.process_groups import connected
    from egoactgen_bench.support.sharding import ProcessShard

    with connected(ProcessShard.of_process()) as processes:
        return _score(arguments, processes)


def _score(arguments: ScoreArguments, processes: "Processes") -> int:
    from egoactgen_bench.artifacts.runs import load_run
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_bench.stages.score.score_runs import execute
    from egoactgen_bench.stages.score.scoring_estimate import estimate
    from egoactgen_bench.stages.score.scoring_job import nothing_to_measure, prepare

    place = current_workspace()
    split = load_split(place.find_split(arguments.split))
    names = arguments.run or place.finished_runs(split.name)
    runs = [load_run(run_folder(name, split.name)) for name in names]
    folder = arguments.out or place.scores(split.name, arguments.protocol)
    with report_waiting("Loading metrics"):
        job = prepare(
            split, runs, folder, arguments, workspace=place.root, offline=arguments.dry_run
        )
    if arguments.dry_run:
        typer.echo(estimate(job))
        typer.echo("Nothing was done (--dry-run).")
        return EXIT_DONE
    if nothing := nothing_to_measure(job):
        return _report_nothing(job, nothing)
    scores = execute(job, progress=True, processes=processes)
    return EXIT_DONE if scores is None else _report(scores)


def run_folder(name: str, split: str) -> Path:
    """The folder of a run, given by path or by name in the workspace."""
    folder = Path(name)
    if folder.is_absolute() or len(folder.parts) > 1:
        return folder
    return current_workspace().find_run(split, name)


def _report_nothing(job: "ScoringJob", nothing: str) -> int:
    """Print why no metric can be computed."""
    for sentence in job.selection.failed.values():
        typer.echo(f"failed: {sentence}", err=True)
    typer.echo(nothing, err=True)
    return EXIT_PARTIAL


def _report(scores: "Scores") -> int:
    """Print the table, the failures and the omitted metrics."""
    from egoactgen_bench.measurement.protocols import left_out
    from egoactgen_bench.presentation.terminal_table import text

    failed = scores.failures.groupby(["run", "sample_id", "code", "detail"], sort=False)["metric"]
    for (run, sample_id, code, detail), metrics in failed:
        where = f"{run}: {sample_id}" if sample_id else run
        typer.echo(f"failed: {where}: {code} ({detail}) [{', '.join(metrics)}]", err=True)
    for sentence in scores.manifest.failed_metrics.values():
        typer.echo(f"failed: {sentence}", err=True)
    if notice := left_out(scores.manifest.skipped_metrics):
        typer.echo(notice, err=True)
    if scores.replaced:
        typer.echo(f"note: {scores.replaced}", err=True)
    _report_use(scores)
    typer.echo(text(scores, terminal_width()))
    typer.echo(f"Scores in {scores.folder}: table.md has the table with each metric's signature.")
    return EXIT_DONE if scores.complete else EXIT_PARTIAL


def _report_use(scores: "Scores") -> None:
    """Print what the call sent to a judge, and what that cost."""
    timing = scores.manifest.timing
    if timing is None or timing.judge is None:
        return
    use = timing.judge
    cost = "unknown cost (give prices)" if use.cost is None else f"cost {use.cost:.4f}"
    typer.echo(
        f"note: {use.requests:,} requests to the judge, {use.tokens_in:,} tokens in, "
        f"{use.tokens_out:,} out, {cost}; all replies are kept.",
        err=True,
    )
