"""`bench lego ablate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import DryRun, Overwrite, SplitName, TrainSplitName
from egoactgen_bench.api.options import Cli
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.support.waiting import report_waiting, tell
from egoactgen_lego.options.ablate_options import AblateOptions, MaterialOptions

if TYPE_CHECKING:
    from egoactgen_lego.ablation.experiment import Ablation, AblationOutcome


class AblateArguments(AblateOptions, MaterialOptions):
    """What is compared on which splits, and where the tables are written."""

    train: TrainSplitName = None
    split: SplitName = None
    name: Annotated[
        str, Field(description="Prefix of the names of weights and runs."), Cli(metavar="NAME")
    ] = "ablation"
    out: Annotated[
        Path | None,
        Field(description="Write the tables here instead of the workspace."),
        Cli(metavar="DIR"),
    ] = None
    overwrite: Overwrite = False
    dry_run: DryRun = False


def ablate(asked: AblateArguments) -> int:
    """Train, run and score the rows of the paper's tables; an interrupted call resumes."""
    from egoactgen_bench.artifacts.splits import load_split
    from egoactgen_lego.ablation.experiment import Ablation
    from egoactgen_lego.ablation.materials import Materials

    check_name(asked.name)
    place = current_workspace()
    ablation = Ablation(
        asked.name,
        place,
        load_split(place.find_split(asked.train, train=True)),
        load_split(place.find_split(asked.split)),
        Materials(
            asked.features or place.root / "features",
            place.models,
            tuned=asked.descriptions,
            untuned=asked.untuned,
            oracle=asked.oracle,
            train=asked.train_descriptions,
            vllms={"tuned": asked.vllm, "untuned": asked.untuned_vllm},
        ),
        asked,
    )
    folder = asked.out or place.ablation(ablation.test.name, asked.name)
    if asked.dry_run:
        return _plan(ablation, folder)
    return _do(ablation, folder, asked.overwrite)


def _plan(asked: "Ablation", folder: Path) -> int:
    from egoactgen_bench.support.sharding import ProcessShard
    from egoactgen_lego.ablation import expected_costs
    from egoactgen_lego.ablation.experiment import check, steps

    check(asked, folder)
    if ProcessShard.of_process().rank != 0:
        return EXIT_DONE
    with report_waiting("Estimating the costs"):
        costs = expected_costs.lines(asked)
    typer.echo(f"Rows: {', '.join(asked.chosen)}")
    for step, done in steps(asked).items():
        typer.echo(f"{'done' if done else 'to do'}: {step}")
    typer.echo("\n".join([*costs, "Nothing was done (--dry-run)."]))
    return EXIT_DONE


def _do(asked: "Ablation", folder: Path, overwrite: bool) -> int:
    from egoactgen_bench.support.sharding import ProcessShard
    from egoactgen_lego.ablation.ablation_tables import write_tables
    from egoactgen_lego.ablation.experiment import ablate

    first = ProcessShard.of_process().rank == 0

    def show(step: str) -> None:
        if first:
            tell(step)

    with report_waiting("Preparing the steps"):
        done = ablate(asked, folder / "scores", overwrite, show)
    if done.scores is None:  # only the first process reports
        return EXIT_DONE
    written = write_tables(asked, done.scores, folder)
    return _report(done, written, folder)


def _report(done: "AblationOutcome", written: list[Path], folder: Path) -> int:
    from egoactgen_bench.measurement.protocols import left_out

    assert done.scores is not None
    for failure in done.failures:
        typer.echo(f"failed: {failure}", err=True)
    for sentence in done.scores.manifest.failed_metrics.values():
        typer.echo(f"failed: {sentence}", err=True)
    if notice := left_out(done.scores.manifest.skipped_metrics):
        typer.echo(notice, err=True)
    for path in written:
        typer.echo(path.read_text(encoding="utf-8"))
    typer.echo(f"Tables in {folder}")
    return EXIT_DONE if done.scores.complete and not done.failures else EXIT_PARTIAL
