"""`bench score`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.shared import (
    BatchOption,
    CaptionerOption,
    DebugOption,
    DeviceOption,
    DryRunOption,
    MetricsOption,
    OutOption,
    OverwriteOption,
    ProtocolOption,
    SoleDescriptionsOption,
    SplitOption,
    WeightsDirOption,
    WorkspaceOption,
    current_workspace,
    terminal_width,
    words,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.options import parse_pairs

if TYPE_CHECKING:
    from egoactgen_bench.scores import Scores
    from egoactgen_bench.scoring.stage import Job


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("score")(score)


def score(
    run: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...", help="Names or folders of runs (default: all of the split)."
        ),
    ] = None,
    split: SplitOption = None,
    metrics: MetricsOption = None,
    protocol: ProtocolOption = "standard",
    reference: Annotated[
        str | None, typer.Option(metavar="A,B", help="Rows to add: target, copy-input.")
    ] = None,
    weights_dir: WeightsDirOption = None,
    captioner: CaptionerOption = "transformers",
    descriptions: SoleDescriptionsOption = None,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Draws for the intervals; 0 for none.")
    ] = 1000,
    fid_permutations: Annotated[
        int, typer.Option(min=0, help="Swaps for comparing sets (FID, KID); 0 for no test.")
    ] = 0,
    batch_size: BatchOption = 16,
    device: DeviceOption = "auto",
    option: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="METRIC.KEY=VALUE", help="A metric's own options."),
    ] = None,
    out: OutOption = None,
    overwrite: OverwriteOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Score runs against the split's target frames; an interrupted call goes on where it was."""
    from egoactgen_bench.runs import load_run
    from egoactgen_bench.scoring.stage import estimate, execute, nothing_to_measure, prepare
    from egoactgen_bench.splits import load_split

    place = current_workspace()
    loaded = load_split(place.find_split(split))
    folders = [run_folder(name, loaded.name) for name in run or place.finished_runs(loaded.name)]
    job = prepare(
        loaded,
        [load_run(folder) for folder in folders],
        out or place.scores(loaded.name, protocol),
        workspace=place.root,
        metrics=words("--metrics", metrics) or None,
        protocol=protocol,
        references=words("--reference", reference),
        weights=weights_dir,
        captioner=captioner,
        descriptions=descriptions,
        options=parse_pairs(option or []),
        bootstrap=bootstrap,
        fid_permutations=fid_permutations,
        batch_size=batch_size,
        device=device,
        overwrite=overwrite,
    )
    if dry_run:
        typer.echo(estimate(job))
        typer.echo("Nothing was done (--dry-run).")
        return EXIT_DONE
    if nothing := nothing_to_measure(job):
        return _report_nothing(job, nothing)
    scores = execute(job, progress=True)
    return EXIT_DONE if scores is None else _report(scores)


def run_folder(name: str, split: str) -> Path:
    """A run by its name in the workspace, or by its folder."""
    folder = Path(name)
    if folder.is_absolute() or len(folder.parts) > 1:
        return folder
    return current_workspace().find_run(split, name)


def _report_nothing(job: "Job", nothing: str) -> int:
    """Say why no metric can be computed."""
    for sentence in job.selection.failed.values():
        typer.echo(f"failed: {sentence}", err=True)
    typer.echo(nothing, err=True)
    return EXIT_PARTIAL


def _report(scores: "Scores") -> int:
    """Print the table, what failed and what was left out."""
    from egoactgen_bench.scoring.protocols import left_out
    from egoactgen_bench.scoring.terminal import text

    failed = scores.errors.groupby(["run", "sample_id", "code", "detail"], sort=False)["metric"]
    for (run, sample_id, code, detail), metrics in failed:
        where = f"{run}: {sample_id}" if sample_id else run
        typer.echo(f"failed: {where}: {code} ({detail}) [{', '.join(metrics)}]", err=True)
    for sentence in scores.manifest["failed_metrics"].values():
        typer.echo(f"failed: {sentence}", err=True)
    if notice := left_out(scores.manifest["skipped_metrics"]):
        typer.echo(notice, err=True)
    typer.echo(text(scores, terminal_width()))
    typer.echo(f"Scores in {scores.folder}: table.md has the table with each metric's signature.")
    return EXIT_DONE if scores.complete else EXIT_PARTIAL
