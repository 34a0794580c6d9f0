"""`bench prepare-splits`."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from egoactgen_bench.cli.shared import (
    DebugOption,
    OverwriteOption,
    WorkspaceOption,
    current_workspace,
    default_workers,
)
from egoactgen_bench.errors import EXIT_DONE, EXIT_PARTIAL
from egoactgen_bench.options import parse_pairs

if TYPE_CHECKING:
    from egoactgen_bench.datasets.base import Dataset
    from egoactgen_bench.preparing.planning import Plan
    from egoactgen_bench.preparing.stage import Prepared


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("prepare-splits")(prepare_splits)


def prepare_splits(
    dataset: Annotated[
        str, typer.Argument(help="A name from `bench datasets`, or module:Class.")
    ] = "toy-kitchen",
    annotations: Annotated[
        Path | None, typer.Option(metavar="PATH", help="The data set's annotation file or folder.")
    ] = None,
    videos: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the videos or extracted frames.")
    ] = None,
    subset: Annotated[
        Literal["val", "train"], typer.Option(help="Which part of the annotations.")
    ] = "val",
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the first N clips.")
    ] = None,
    times_only: Annotated[
        bool, typer.Option("--times-only", help="Ids and times without frames: needs no videos.")
    ] = False,
    list_videos: Annotated[
        bool,
        typer.Option("--list-videos", help="Write the ids for the videos' downloader, and stop."),
    ] = False,
    size: Annotated[
        int, typer.Option(min=16, metavar="PIXELS", help="Height of the stored frames.")
    ] = 256,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Videos decoded at a time (default: CPUs, up to 16)."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "-o", metavar="KEY=VALUE", help="The data set's own options; see `bench datasets NAME`."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="SPLIT", help="The split's name (default: the data's).")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be kept, and what it would take.")
    ] = False,
    overwrite: OverwriteOption = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the split (or file of the list).")
    ] = None,
    workspace: WorkspaceOption = None,
    debug: DebugOption = False,
) -> int:
    """Prepare a split: annotated actions become pairs of frames, exact in time, with their hashes.

    Run again, it goes on where it was, and tries again what failed.
    """
    from egoactgen_bench.preparing.planning import open_dataset, plan_split

    source = open_dataset(dataset, annotations, videos, subset, parse_pairs(option or []))
    workers = workers or default_workers()
    only_count = list_videos or (dry_run and videos is None)
    with _world(source, limit, workers, with_videos=not (times_only or only_count)):
        plan = plan_split(
            source, name=name, size=size, limit=limit, times_only=times_only, locate=not only_count
        )
    for notice in source.notices():
        typer.echo(notice, err=True)
    splits = current_workspace().splits
    if list_videos:
        return _list_videos(plan, out or splits / f"{plan.name}.videos.txt")
    folder = out or splits / plan.name
    if dry_run:
        return _dry_run(plan, folder, workers)
    return _prepare(plan, folder, workers, overwrite)


@contextmanager
def _world(source: "Dataset", limit: int | None, workers: int, with_videos: bool) -> Iterator[None]:
    """For a data set that draws its own world: the world, kept in the workspace if it is filmed."""
    if not source.draws:
        yield
    elif with_videos:
        typer.echo(f"Drawing the world of {source.split_name} …", err=True)
        folder = current_workspace().dataset(source.split_name)
        source.materialise(folder, limit, workers, with_videos=True, progress=True)
        yield
    else:
        with TemporaryDirectory() as scratch:
            source.materialise(Path(scratch), limit, workers, with_videos=False)
            yield


def _list_videos(plan: "Plan", path: Path) -> int:
    from egoactgen_bench.files import write_text

    ids, seconds, unknown = plan.video_list()
    write_text(path, "".join(f"{video}\n" for video in ids))
    length = f"{seconds / 3600:.1f} hours" if seconds else "of unknown length"
    without = f" ({unknown:,} more of unknown length)" if unknown and seconds else ""
    typer.echo(f"{_count(len(ids), 'video')}, {length}{without}: {path}")
    return EXIT_DONE


def _dry_run(plan: "Plan", folder: Path, workers: int) -> int:
    kept = len(plan.clips) - plan.unlocated.total()
    typer.echo(f"{plan.name}: {_count(kept, 'sample')} would be kept")
    _echo_reasons(_reasons(plan))
    if not plan.places and not plan.recipe["times_only"]:
        typer.echo("  no --videos: which of them are there was not looked at")
    disk, seconds = plan.expected_cost(workers)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    typer.echo(f"  disk: about {_bytes(disk)} of {_bytes(free)} free")
    typer.echo(
        f"  time: about {_duration(seconds)} with {_count(workers, 'worker')} on 1080p videos"
    )
    typer.echo(f"  folder: {folder} (nothing was written)")
    return EXIT_DONE


def _prepare(plan: "Plan", folder: Path, workers: int, overwrite: bool) -> int:
    from tqdm import tqdm

    from egoactgen_bench.preparing.stage import prepare

    with tqdm(total=len(plan.clips), unit="sample", disable=None, leave=False) as bar:
        done = prepare(plan, folder, workers=workers, overwrite=overwrite, on_sample=bar.update)
    _summarise(done)
    return EXIT_PARTIAL if done.failures else EXIT_DONE


def _summarise(done: "Prepared") -> None:
    counts = done.split.manifest["counts"]
    state = ": already complete" if done.already_complete else ""
    typer.echo(f"{done.split.name}{state}")
    typer.echo(f"  {counts['kept']:>7,} kept")
    _echo_reasons(counts["by_reason"])
    if done.resumed:
        typer.echo(f"  {done.resumed:,} of them were there from an earlier call")
    if done.read.files:
        typer.echo(f"  {_bytes(done.read.bytes)} read from {_count(done.read.files, 'file')}")
    typer.echo(f"  folder: {done.split.folder}")
    if done.failures:
        reasons = ", ".join(f"{code} {n:,}" for code, n in done.failures.most_common())
        typer.echo(
            f"bench: {_count(done.failures.total(), 'sample')} without frames ({reasons}): "
            f"{done.split.folder / 'rejected.csv'} names them.",
            err=True,
        )


def _reasons(plan: "Plan") -> dict[str, int]:
    counts = plan.unlocated
    counts.update(rejection.reason for rejection in plan.rejections)
    return dict(sorted(counts.items()))


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
