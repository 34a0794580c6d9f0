"""`bench lego ablate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoactgen_bench.cli.shared import (
    CaptionerOption,
    DebugOption,
    DeviceOption,
    DryRunOption,
    MethodBatchOption,
    MetricsOption,
    OverwriteOption,
    PresetOption,
    ProtocolOption,
    SplitOption,
    TrainSplitOption,
    WeightsDirOption,
    WorkspaceOption,
    check_name,
    current_workspace,
    words,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL, BenchError
from egoactgen_bench.options import parse_pairs

if TYPE_CHECKING:
    from lego.ablation.stage import Ablation, Outcome


def ablate(
    descriptions: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of both splits' descriptions/: the tuned VLLM's."),
    ] = None,
    table: Annotated[
        str,
        typer.Option(
            "--tables", metavar="A,B", help="Of methods, conditioning, tuning and controls."
        ),
    ] = "conditioning",
    rows: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Only these rows of the tables; --dry-run names them."),
    ] = None,
    train: TrainSplitOption = None,
    split: SplitOption = None,
    preset: PresetOption = "toy",
    seeds: Annotated[
        str, typer.Option(metavar="0,1,2", help="A training and a run of each row for each.")
    ] = "0",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            metavar="KEY=VALUE",
            help="train.iterations=100 or run.steps=20 for all that know it; "
            "train.TRAINER.KEY or run.METHOD.KEY for one.",
        ),
    ] = None,
    train_descriptions: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of the training split, where they are others."),
    ] = None,
    untuned: Annotated[
        str | None, typer.Option(metavar="NAME", help="Descriptions of the VLLM before tuning.")
    ] = None,
    oracle: Annotated[
        str | None, typer.Option(metavar="NAME", help="True descriptions of the test split.")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Holds DESCRIPTIONS/SPLIT/image and text (default: the workspace's features/).",
        ),
    ] = None,
    vllm: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Makes the features as they are needed, without files."),
    ] = None,
    untuned_vllm: Annotated[
        str | None, typer.Option(metavar="NAME", help="The same for the VLLM before tuning.")
    ] = None,
    metrics: MetricsOption = None,
    protocol: ProtocolOption = "standard",
    weights_dir: WeightsDirOption = None,
    captioner: CaptionerOption = "transformers",
    batch_size: MethodBatchOption = None,
    device: DeviceOption = "auto",
    dtype: Annotated[
        str, typer.Option(help="Of sampling: float32, float16, bfloat16.")
    ] = "float32",
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Begins the names of weights and runs.")
    ] = "ablation",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the tables here instead.")
    ] = None,
    overwrite: OverwriteOption = False,
    dry_run: DryRunOption = False,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Train, run and score the rows of the paper's tables; a stopped call goes on where it was."""
    from egoactgen_bench.splits import load_split
    from lego.ablation.choices import Choices
    from lego.ablation.materials import Materials
    from lego.ablation.stage import Ablation

    check_name(name)
    place = current_workspace()
    asked = Ablation(
        name,
        place,
        load_split(place.find_split(train, train=True)),
        load_split(place.find_split(split)),
        words("--tables", table),
        Materials(
            features or place.root / "features",
            place.models,
            tuned=descriptions,
            untuned=untuned,
            oracle=oracle,
            train=train_descriptions,
            vllms={"tuned": vllm, "untuned": untuned_vllm},
        ),
        rows=words("--rows", rows) or None,
        seeds=_numbers(seeds),
        preset=preset,
        choices=Choices(parse_pairs(option or [])),
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        scoring={
            "metrics": words("--metrics", metrics) or None,
            "protocol": protocol,
            "weights": weights_dir,
            "captioner": captioner,
            "descriptions": descriptions,
        },
    )
    folder = out or place.ablation(asked.test.name, name)
    return _plan(asked, folder) if dry_run else _do(asked, folder, overwrite)


def _plan(asked: "Ablation", folder: Path) -> int:
    from lego.ablation.stage import check, steps

    check(asked, folder)
    typer.echo(f"Rows: {', '.join(asked.chosen)}")
    for step, done in steps(asked).items():
        typer.echo(f"{'done' if done else 'to do'}: {step}")
    typer.echo("Nothing was done (--dry-run).")
    return EXIT_DONE


def _do(asked: "Ablation", folder: Path, overwrite: bool) -> int:
    from egoactgen_bench.sharding import Share
    from lego.ablation.stage import ablate
    from lego.ablation.tables import write_tables

    first = Share.of_process().rank == 0

    def tell(step: str) -> None:
        if first:
            typer.echo(step, err=True)

    done = ablate(asked, folder / "scores", overwrite, tell)
    if done.scores is None:  # the first process speaks for all
        return EXIT_DONE
    written = write_tables(asked, done.scores, folder)
    return _report(done, written, folder)


def _report(done: "Outcome", written: list[Path], folder: Path) -> int:
    from egoactgen_bench.scoring.protocols import left_out

    assert done.scores is not None
    for failure in done.failures:
        typer.echo(f"failed: {failure}", err=True)
    for sentence in done.scores.manifest["failed_metrics"].values():
        typer.echo(f"failed: {sentence}", err=True)
    if notice := left_out(done.scores.manifest["skipped_metrics"]):
        typer.echo(notice, err=True)
    for path in written:
        typer.echo(path.read_text(encoding="utf-8"))
    typer.echo(f"Tables in {folder}")
    return EXIT_DONE if done.scores.complete and not done.failures else EXIT_PARTIAL


def _numbers(text: str) -> list[int]:
    numbers = words("--seeds", text)
    if not all(number.isdecimal() for number in numbers):
        raise BenchError(f"--seeds {text} is no list of numbers such as 0,1,2.")
    return [int(number) for number in numbers]
