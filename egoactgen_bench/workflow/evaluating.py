"""Scoring, reporting, verifying and packing from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.studies import Study
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.stages import pack as packing
from egoactgen_bench.stages import verify as verifying
from egoactgen_bench.stages.doctor import diagnosis
from egoactgen_bench.stages.doctor.diagnosis import Diagnosis
from egoactgen_bench.stages.doctor.doctor_options import DiagnoseOptions
from egoactgen_bench.stages.pack import Packed
from egoactgen_bench.stages.report import write_report
from egoactgen_bench.stages.report.write_report import Report
from egoactgen_bench.stages.score import score_runs
from egoactgen_bench.stages.score.score_options import ScoreOptions
from egoactgen_bench.workflow.named_inputs import (
    Folder,
    RunInput,
    RunsInput,
    SplitInput,
    path_or_none,
    paths,
    plugin_name,
    run_names,
    runs_of,
    split_of,
    words,
)
from egoactgen_bench.workflow.option_signature import accepts


@accepts(ScoreOptions)
def score(
    split: SplitInput = None,
    runs: RunsInput = None,
    folder: Folder | None = None,
    settings: ScoreOptions | None = None,
    *,
    workspace: Folder | None = None,
    progress: bool = False,
    **choices: Any,
) -> Scores | None:
    """Score runs against the split's target frames, as `bench score` does.

    Args:
        split: the split, its name or its folder (default: the latest finished test split).
        runs: one run or several: objects, names or folders (default: all finished ones).
        folder: the folder of the scores (default: `scores/SPLIT/PROTOCOL` in the workspace).
        settings: all options as one object; `choices` are its fields and override it. In
            `metrics`, a class may take the place of a name.
        workspace: where weights and cached values are (default: `folder`, if it is given, else
            `$BENCH_WORKSPACE`, else `./workspace`).
        progress: show progress bars.

    Returns:
        The scores; None in all but the first of several processes (torchrun).

    Raises:
        BenchError: an option is invalid, a run belongs to another split, or no metric can be
            computed.
    """
    place = Workspace.of(workspace)
    on = split_of(split, place)
    found = runs_of(runs, on, place)
    protocol = choices.get("protocol", settings.protocol if settings else "standard")
    root = Path(folder) if folder and workspace is None else place.root
    out = Path(folder) if folder else place.scores(on.name, protocol)
    if isinstance(metrics := choices.get("metrics"), list | tuple | type):
        classes = [metrics] if isinstance(metrics, type) else metrics
        choices["metrics"] = [plugin_name("metrics", metric) for metric in classes]
    return score_runs.score(
        on, found, out, settings, progress=progress, **({"workspace": root} | choices)
    )


@accepts(DiagnoseOptions)
def diagnose(
    split: SplitInput,
    run: RunInput,
    metric: str | type[Metric[Any]],
    value: str | float,
    settings: DiagnoseOptions | None = None,
    *,
    workspace: Folder | None = None,
    progress: bool = False,
    **choices: Any,
) -> Diagnosis:
    """Find the known variant of a metric that explains a reported number, as `bench doctor` does.

    Args:
        split: the split, its name or its folder.
        run: the run that was scored: object, name or folder.
        metric: a name of `bench metrics`, `module:Class`, or the class.
        value: the number, in the paper's unit. Without a `tolerance` its last digit says how exact
            it is: "36.43" means ± 0.005.
        settings: all options as one object; `choices` are its fields and override it.
        workspace: where weights and cached values are (default: the run's folder).
        progress: show progress bars.
    """
    place = Workspace.of(workspace)
    on = split_of(split, place)
    (found,) = runs_of(run, on, place)
    root = {} if workspace is None else {"workspace": place.root}
    return diagnosis.diagnose(
        on,
        found,
        plugin_name("metrics", metric),
        value,
        settings,
        progress=progress,
        **(root | choices),
    )


def report(
    split: SplitInput = None,
    workspace: Folder | None = None,
    folder: Folder | None = None,
    *,
    ids: str | Sequence[str] = (),
    descriptions: str | None = None,
    progress: bool = False,
) -> Report:
    """Write one page of everything scored on a split, as `bench report` does.

    Args:
        split: the split, its name or its folder (default: the latest finished test split).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.
        folder: where index.html is written (default: `reports/SPLIT` in the workspace).
        ids: sample ids of a figure like the paper's Figure 5.
        descriptions: name of the split's descriptions to show.
        progress: show progress bars.
    """
    place = Workspace.of(workspace)
    return write_report.report(
        split_of(split, place),
        place.root,
        path_or_none(folder),
        ids=words(ids),
        descriptions=descriptions,
        progress=progress,
    )


def report_archives(
    archives: Folder | Sequence[Folder],
    workspace: Folder | None = None,
    folder: Folder | None = None,
    *,
    ids: str | Sequence[str] = (),
    progress: bool = False,
) -> Report:
    """Report what several groups packed, side by side, after verifying each archive.

    Args:
        archives: files of `pack`.
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.
        folder: where index.html is written (default: `reports/SPLIT-submissions`).
        ids: sample ids of a figure like the paper's Figure 5.
        progress: show progress bars.
    """
    return write_report.report_submissions(
        paths(archives),
        Workspace.of(workspace).root,
        path_or_none(folder),
        ids=words(ids),
        progress=progress,
    )


def verify(
    item: Split | Run | Scores | Study | Folder, *, against: Folder | None = None
) -> list[str]:
    """Recompute the hashes of a split, run, scores, study or archive, as `bench verify` does.

    Args:
        item: the object, its folder, or the file of an archive.
        against: split.json of a standard split that a split is compared with.

    Returns:
        One sentence per difference; an empty list if everything is as recorded.
    """
    folder = Path(item) if isinstance(item, str | Path) else item.folder
    differences = verifying.verify(folder)
    return differences + (verifying.against(folder, Path(against)) if against else [])


def pack(
    split: SplitInput = None,
    runs: RunsInput = None,
    *,
    group: str = "anonymous",
    out: Folder | None = None,
    workspace: Folder | None = None,
) -> Packed:
    """Pack runs, their scores and all hashes into one archive to share, as `bench pack` does.

    Args:
        split: the split, its name or its folder (default: the latest finished test split).
        runs: one run or several of the workspace (default: all finished ones).
        group: whose runs these are, for tables of several groups.
        out: the zip file (default: `packs/SPLIT-GROUP.zip` in the workspace).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.
    """
    place = Workspace.of(workspace)
    on = split_of(split, place)
    names = run_names(runs, on, place)
    return packing.pack(place, on, names, group, path_or_none(out))
