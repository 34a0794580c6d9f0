"""Loading from Python: by name or folder, or the object itself, with absolute folders."""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from egoactgen_bench.analysis import slices
from egoactgen_bench.artifacts import manifests, runs, scores, splits, studies, trainings
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.studies import Study
from egoactgen_bench.artifacts.trainings import Training
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError

Object = TypeVar("Object", Split, Run, Scores, Study, Training)


def load_split(
    split: Split | Path | str | None = None, *, workspace: Path | str | None = None
) -> Split:
    """Load a finished split.

    Args:
        split: its name or folder (default: the latest finished test split).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Raises:
        BenchError: the split is missing, unfinished or damaged.
    """
    return _loaded(split, Split, manifests.SPLIT, splits.load_split, workspace)


def load_run(
    run: Run | Path | str,
    *,
    split: Split | str | None = None,
    workspace: Path | str | None = None,
) -> Run:
    """Load a finished run.

    Args:
        run: its name or folder.
        split: the split of a name (default: the latest finished test split).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Raises:
        BenchError: the run is missing, unfinished or damaged.
    """
    name = split.name if isinstance(split, Split) else split
    if run is None:
        raise BenchError("run must be a Run, its name or its folder, not None.")
    return _loaded(run, Run, manifests.RUN, runs.load_run, workspace, split=name)


def load_scores(
    scores_or_split: Scores | Split | Path | str | None = None,
    *,
    protocol: str = "standard",
    workspace: Path | str | None = None,
) -> Scores:
    """Load finished scores.

    Args:
        scores_or_split: their folder, or the name of their split (default: the latest finished
            test split).
        protocol: of a split's scores.
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Raises:
        BenchError: the scores are missing, unfinished or damaged.
    """
    if isinstance(scores_or_split, Split):
        scores_or_split = scores_or_split.name
    found = scores_or_split
    return _loaded(found, Scores, manifests.SCORE, scores.load_scores, workspace, protocol=protocol)


def load_study(
    study: Study | Path | str | None = None, *, workspace: Path | str | None = None
) -> Study:
    """Load a finished study.

    Args:
        study: its name or folder (default: the latest).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Raises:
        BenchError: the study is missing or unfinished.
    """
    return _loaded(study, Study, manifests.STUDY, studies.load_study, workspace)


def load_training(
    training: Training | Path | str, *, workspace: Path | str | None = None
) -> Training:
    """Load trained weights.

    Args:
        training: their name or folder.
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Raises:
        BenchError: the weights are missing, unfinished, or were not trained with `train`.
    """
    if training is None:
        raise BenchError("training must be a Training, its name or its folder, not None.")
    return _loaded(training, Training, manifests.TRAIN, trainings.load_training, workspace)


def slice_scores(
    scores: Scores | Split | Path | str | None = None,
    split: Split | Path | str | None = None,
    by: str = "verb",
    *,
    train: Collection[str] | None = None,
    draws: int | None = None,
    workspace: Path | str | None = None,
) -> pd.DataFrame:
    """Scores by parts of a split.

    Args:
        scores: the scores, their folder, or the name of their split.
        split: the split (default: that of the scores, in the workspace).
        by: verb, noun, video or participant (`seen` or `unseen` in training).
        train: ids of the participants seen in training (default: as the data set declares).
        draws: of the bootstrap (default: as in the scores).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Returns:
        A row for each part and run: by, part, run, n, then each metric's mean and 95 % bounds in
        the paper's unit; the largest part first. Set metrics such as FID are not included.

    Raises:
        BenchError: `by` is unknown, or the scores are those of another split.
    """
    measured = load_scores(scores, workspace=workspace)
    if split is None:
        split = measured.manifest.split
    on = load_split(split, workspace=workspace)
    if on.fingerprint != measured.manifest.fingerprint:
        raise BenchError(f"{measured.folder} has the scores of another split than {on.folder}.")
    if draws is not None and draws < 0:
        raise BenchError(f"draws must be at least 0, not {draws}.")
    return slices.slice_scores(measured, on, by, train=train, draws=draws)


def _loaded(
    value: Object | Path | str | None,
    kind: type[Object],
    manifest: str,
    load: Callable[..., Object],
    workspace: Path | str | None,
    **choices: Any,
) -> Object:
    """The object itself if it is still there, else the one of that name or folder."""
    noun = kind.__name__
    if isinstance(value, kind):
        if not (value.folder / manifest).is_file():
            raise BenchError(
                f"The folder of {value!r} has been moved or removed: {value.folder / manifest} "
                "does not exist."
            )
        return value
    if value is not None and not isinstance(value, str | Path):
        raise BenchError(f"A {noun}, its name or its folder is needed, not {type(value).__name__}.")
    if isinstance(value, str) and ("/" in value or value.startswith("~")):
        value = Path(value)
    if isinstance(value, Path):
        value = value.expanduser().absolute()
    found = load(value, workspace=Workspace.of(workspace).root, **choices)
    # Absolute, so that the object stays valid when the process changes its folder.
    return replace(found, folder=found.folder.absolute())
