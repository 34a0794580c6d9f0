"""`bench prepare-splits`."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import Field

from egoactgen_bench.api.common_options import Overwrite
from egoactgen_bench.api.options import Cli
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.cli.commands import add_command
from egoactgen_bench.cli.help_pages import DAILY
from egoactgen_bench.cli.shared_options import check_name, current_workspace
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.stages.prepare.prepare_options import PrepareOptions
from egoactgen_bench.support.devices import default_workers
from egoactgen_bench.support.waiting import report_waiting, tell

if TYPE_CHECKING:
    from egoactgen_bench.stages.prepare.prepare_split import Prepared
    from egoactgen_bench.stages.prepare.split_plan import SplitPlan


class PrepareArguments(PrepareOptions):
    """The arguments of `bench prepare-splits`."""

    dataset: Annotated[
        str,
        Field(description="A name from `bench datasets`, or module:Class."),
        Cli(positional=True),
    ] = "toy-kitchen"
    list_videos: Annotated[
        bool,
        Field(description="Write the video ids for the data set's downloader, and stop."),
        Cli(("--list-videos",)),
    ] = False
    name: Annotated[
        str | None,
        Field(description="Name of the split (default: from the data set)."),
        Cli(metavar="SPLIT"),
    ] = None
    dry_run: Annotated[
        bool,
        Field(description="Show the expected counts, disk space and time, and stop."),
        Cli(("--dry-run",)),
    ] = False
    overwrite: Overwrite = False
    out: Annotated[
        Path | None,
        Field(description="Folder of the split (with --list-videos: file)."),
        Cli(metavar="DIR"),
    ] = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    add_command(
        app,
        "prepare-splits",
        prepare_splits,
        [
            "bench prepare-splits toy-kitchen --limit 16",
            "bench prepare-splits ego4d --annotations v2/annotations --videos v2",
        ],
        DAILY,
    )


def prepare_splits(arguments: PrepareArguments) -> int:
    """Prepare a split: extract the input and target frame of each annotated action.

    Run again, it resumes, and retries the samples that failed.
    """
    from egoactgen_bench.stages.prepare.dataset_plan import plan_dataset

    check_name(arguments.name)
    only_count = arguments.list_videos or (arguments.dry_run and arguments.videos is None)
    with report_waiting("Reading annotations"):
        plan = plan_dataset(
            arguments.dataset,
            arguments,
            current_workspace(),
            arguments.name,
            locate=not only_count,
            report=tell,
        )
    for notice in call(plan.dataset, "notices"):
        typer.echo(notice, err=True)
    workers = arguments.workers or default_workers()
    splits = current_workspace().splits
    if arguments.list_videos:
        return _list_videos(plan, arguments.out or splits / f"{plan.name}.videos.txt")
    folder = arguments.out or splits / plan.name
    if arguments.dry_run:
        return _dry_run(plan, folder, workers)
    return _prepare(plan, folder, workers, arguments.overwrite)


def _list_videos(plan: "SplitPlan", path: Path) -> int:
    from egoactgen_bench.support.files import write_text

    ids, seconds, unknown = plan.video_list()
    write_text(path, "".join(f"{video}\n" for video in ids))
    length = f"{seconds / 3600:.1f} hours" if seconds else "of unknown length"
    without = f" ({unknown:,} more of unknown length)" if unknown and seconds else ""
    typer.echo(f"{_count(len(ids), 'video')}, {length}{without}: {path}")
    return EXIT_DONE


def _dry_run(plan: "SplitPlan", folder: Path, workers: int) -> int:
    kept = len(plan.clips) - plan.unlocated.total()
    typer.echo(f"{plan.name}: {_count(kept, 'sample')} would be kept")
    _echo_draw(plan.recipe)
    _echo_reasons(_reasons(plan))
    if not plan.places and not plan.recipe["times_only"]:
        typer.echo("  without --videos, their existence was not checked")
    disk, seconds = plan.expected_cost(workers)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    typer.echo(f"  disk: about {_bytes(disk)} of {_bytes(free)} free")
    typer.echo(
        f"  time: about {_duration(seconds)} with {_count(workers, 'worker')} on 1080p videos"
    )
    typer.echo(f"  folder: {folder} (nothing was written)")
    return EXIT_DONE


def _prepare(plan: "SplitPlan", folder: Path, workers: int, overwrite: bool) -> int:
    from egoactgen_bench.stages.prepare.prepare_split import prepare
    from egoactgen_bench.support.progress import report_progress

    with report_progress("frames", len(plan.clips), "sample") as bar:
        done = prepare(plan, folder, workers=workers, overwrite=overwrite, on_sample=bar.update)
    _summarise(done)
    return EXIT_PARTIAL if done.failures else EXIT_DONE


def _summarise(done: "Prepared") -> None:
    counts = done.split.manifest.counts
    state = ": already complete" if done.already_complete else ""
    typer.echo(f"{done.split.name}{state}")
    typer.echo(f"  {counts.kept:>7,} kept")
    _echo_draw(done.split.manifest.recipe)
    _echo_reasons(counts.by_reason)
    if boxes := done.split.manifest.boxes:
        typer.echo(f"  {boxes.samples:>7,} with boxes of hands and objects, from {boxes.source}")
    if done.resumed:
        typer.echo(f"  {done.resumed:,} of them were extracted by an earlier call")
    if done.read.files:
        typer.echo(f"  {_bytes(done.read.bytes)} read from {_count(done.read.files, 'file')}")
    typer.echo(f"  folder: {done.split.folder}")
    if done.failures:
        reasons = ", ".join(f"{code} {n:,}" for code, n in done.failures.most_common())
        typer.echo(
            f"bench: {_count(done.failures.total(), 'sample')} without frames ({reasons}): "
            f"{done.split.folder / 'rejected.csv'} lists them.",
            err=True,
        )


def _reasons(plan: "SplitPlan") -> dict[str, int]:
    counts = plan.unlocated
    counts.update(rejection.reason for rejection in plan.rejections)
    return dict(sorted(counts.items()))


def _echo_draw(recipe: Mapping[str, Any]) -> None:
    if drawn := recipe.get("drawn"):
        typer.echo(
            f"  {drawn['count']:>7,} of {drawn['of']:,} clips drawn from all videos "
            f"(seed {drawn['seed']})"
        )


def _echo_reasons(by_reason: dict[str, int]) -> None:
    for reason, count in by_reason.items():
        typer.echo(f"  {count:>7,} rejected: {reason}")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
