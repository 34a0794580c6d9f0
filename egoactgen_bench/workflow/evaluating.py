"""Scoring, reporting, verifying and packing from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.artifacts.manifests import SPLIT
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.artifacts.studies import Study
from egoactgen_bench.errors import BenchError
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
from egoactgen_bench.workflow.loading import load_run, load_scores
from egoactgen_bench.workflow.named_inputs import (
    Folder,
    RunInput,
    RunsInput,
    SplitInput,
    items,
    path_or_none,
    paths,
    plugin_name,
    run_names,
    runs_of,
    safe_name,
    split_of,
    words,
    workspace_of,
)
from egoactgen_bench.workflow.notices import warn
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
) -> Scores:
    """Score runs against the split's target frames, as `bench score` does.

    Args:
        split: the split, its name or its folder (default: the latest finished test split).
        runs: one run or several: objects, names or folders (default: all finished ones).
        folder: the folder of the scores (default: `scores/SPLIT/PROTOCOL` in the workspace).
        settings: options as one object; keywords override its fields. In the keyword `metrics`, a
            class may take the place of a name.
        workspace: where weights and cached values are (default: `folder`, if it is given, else the
            split's workspace, else `$BENCH_WORKSPACE`, else `./workspace`).
        progress: show progress bars.

    Returns:
        The scores, with the runs and metrics of earlier ones of the same split and protocol whose
        inputs are unchanged, unless `only` is set. Of several processes (torchrun), all return them
        when the first has written them.

    Raises:
        BenchError: an option is invalid, a run belongs to another split, no metric can be
            computed, or another process has failed.
    """
    place = workspace_of(workspace, split)
    on = split_of(split, place)
    found = runs_of(runs, on, place)
    if isinstance(metrics := choices.get("metrics"), list | tuple | type):
        chosen = items(metrics, type, "metrics")
        choices["metrics"] = [plugin_name("metrics", metric) for metric in chosen]
    protocol = choices.get("protocol", settings.protocol if settings else "standard")
    out = path_or_none(folder) or place.scores(on.name, protocol)
    root = out if folder and workspace is None else place.root
    scores = score_runs.score(
        on, found, out, settings, progress=progress, **({"workspace": root} | choices)
    )
    if scores is None:  # not the first of several processes
        scores = load_scores(out)
    warn([*scores.manifest.notices, *filter(None, [scores.replaced])])
    return scores


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
        settings: options as one object; keywords override its fields.
        workspace: where weights and cached values are (default: the run's folder).
        progress: show progress bars.

    Returns:
        The diagnosis: `sentence`, `table` (one row per variant that was measured) and `notices`.

    Raises:
        BenchError: the metric, an option or the value is invalid, or the metric has no value on the
            run.
    """
    place = workspace_of(workspace, split)
    on = split_of(split, place)
    found = load_run(run, split=on, workspace=place.root)
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

    Returns:
        The report: `page`, the path of index.html, and `notices`.

    Raises:
        BenchError: the split has no scores, or an id or a name is unknown.
    """
    place = workspace_of(workspace, split)
    made = write_report.report(
        split_of(split, place),
        place.root,
        path_or_none(folder),
        ids=words(ids, "ids"),
        descriptions=descriptions,
        progress=progress,
    )
    warn(made.notices)
    return made


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

    Returns:
        The report: `page`, the path of index.html, and `notices`.

    Raises:
        BenchError: an archive is damaged, or the archives are of different splits.
    """
    return write_report.report_submissions(
        paths(archives, "archives"),
        workspace_of(workspace).root,
        path_or_none(folder),
        ids=words(ids, "ids"),
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

    Raises:
        BenchError: `item` is not a finished result, or its manifest cannot be read.
    """
    folder = item if isinstance(item, str | Path) else getattr(item, "folder", None)
    if folder is None:
        raise BenchError(
            "verify needs a split, run, scores or study, its folder, or an archive, not "
            f"{type(item).__name__}."
        )
    folder = Path(folder).expanduser()
    differences = verifying.verify(folder)
    if against is None:
        return differences
    standard = Path(against).expanduser()
    if standard.name != SPLIT or not standard.is_file():
        raise BenchError(f"against={str(against)!r} is not the {SPLIT} of a standard split.")
    return differences + verifying.against(folder, standard)


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
        workspace: default that of `split`, else `$BENCH_WORKSPACE`, else `./workspace`.

    Returns:
        The archive: `path`, `sha256`, and `rows`, its rows of a leaderboard.

    Raises:
        BenchError: a run has no scores or is of another split, or `group` is not a plain name.
    """
    place = workspace_of(workspace, split)
    on = split_of(split, place)
    names = run_names(runs, on, place)
    return packing.pack(place, on, names, str(safe_name(group, "group")), path_or_none(out))
