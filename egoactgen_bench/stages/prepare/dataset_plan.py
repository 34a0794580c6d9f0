"""Builds the plan of a split from a data set's name and options."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.stages.prepare.prepare_options import PrepareOptions
from egoactgen_bench.stages.prepare.split_plan import SplitPlan, open_dataset, plan_split
from egoactgen_bench.support.devices import default_workers


def plan_dataset(
    dataset: str,
    options: PrepareOptions,
    workspace: Workspace,
    name: str | None = None,
    *,
    locate: bool = True,
    report: Callable[[str], Any] | None = None,
) -> SplitPlan:
    """Plan a split of the data set `dataset` (a registered name or `module:Class`).

    A synthetic data set first generates its videos in the workspace. With `locate=False` videos are
    not located, which is enough to count samples. `report` is called with a sentence about each
    longer step; if given, progress is shown.
    """
    source = open_dataset(
        dataset, options.annotations, options.videos, options.subset, options.options
    )
    with _materialised(source, options, workspace, locate and not options.times_only, report):
        return plan_split(
            source,
            name=name,
            size=options.size,
            limit=options.limit,
            times_only=options.times_only,
            locate=locate,
            filters=options.filters,
            boxes=options.boxes,
        )


@contextmanager
def _materialised(
    source: Dataset,
    options: PrepareOptions,
    workspace: Workspace,
    with_videos: bool,
    report: Callable[[str], Any] | None,
) -> Iterator[None]:
    """Generate the videos of a synthetic data set, in the workspace if they are needed later."""
    workers = options.workers or default_workers()
    if not source.draws:
        yield
    elif with_videos:
        if report:
            report(f"Generating the videos of {source.split_name} …")
        folder = workspace.dataset(source.split_name)
        source.materialise(
            folder, options.limit, workers, with_videos=True, progress=report is not None
        )
        yield
    else:
        with TemporaryDirectory() as scratch:
            source.materialise(Path(scratch), options.limit, workers, with_videos=False)
            yield
