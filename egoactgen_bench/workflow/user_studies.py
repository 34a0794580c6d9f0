"""User studies from Python: export, import of answers, and agreement of metrics with them."""

from collections.abc import Sequence
from typing import Any

from egoactgen_bench.api.options import chosen
from egoactgen_bench.artifacts.metric_agreement import MetricAgreement
from egoactgen_bench.artifacts.studies import Study
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.agreement.agree import agree_with_study, agree_with_table
from egoactgen_bench.stages.agreement.agree_options import AgreementOptions
from egoactgen_bench.stages.study.export_study import export
from egoactgen_bench.stages.study.import_answers import import_results
from egoactgen_bench.stages.study.imported_answers import Imported
from egoactgen_bench.stages.study.study_options import StudyOptions
from egoactgen_bench.workflow.loading import load_study
from egoactgen_bench.workflow.named_inputs import (
    Folder,
    RunsInput,
    SplitInput,
    path_or_none,
    paths,
    run_names,
    safe_name,
    split_of,
    words,
    workspace_of,
)
from egoactgen_bench.workflow.notices import warn
from egoactgen_bench.workflow.option_signature import accepts


@accepts(StudyOptions)
def export_study(
    split: SplitInput = None,
    runs: RunsInput = None,
    settings: StudyOptions | None = None,
    *,
    descriptions: str | Sequence[str] = (),
    name: str | None = None,
    out: Folder | None = None,
    workspace: Folder | None = None,
    overwrite: bool = False,
    **choices: Any,
) -> Study:
    """Write a study batch for Mechanical Turk, as `bench export-amt` does.

    Args:
        split: the split, its name or its folder (default: the latest finished test split).
        runs: the runs of the workspace to compare (default: all finished ones).
        settings: options as one object; keywords override its fields.
        descriptions: with `study="description"`: the sets of descriptions to compare.
        name: the study's name (default: SPLIT-STUDY).
        out: its folder (default: `studies/NAME` in the workspace).
        workspace: default that of `split`, else `$BENCH_WORKSPACE`, else `./workspace`.
        overwrite: replace another study of that name.

    Raises:
        BenchError: an option is invalid, or a study with other tasks is there already.
    """
    place = workspace_of(workspace, split)
    on = split_of(split, place)
    names = [] if runs is None else run_names(runs, on, place)
    folder, plan = export(
        place,
        on,
        chosen(StudyOptions, settings, choices, "export_study"),
        names,
        words(descriptions, "descriptions"),
        safe_name(name),
        path_or_none(out),
        overwrite,
    )
    study = load_study(folder)
    notices = tuple(plan.notices())
    warn(notices)
    return Study(study.folder, study.manifest, notices)


def import_answers(
    study: Study | Folder | None,
    results: Folder | Sequence[Folder],
    *,
    workspace: Folder | None = None,
) -> Imported:
    """Read raters' answers into the study's folder, as `bench import-amt` does.

    Args:
        study: the study, its name or its folder; None is the latest one.
        results: one results file of Mechanical Turk (or of preview.html), or several.
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Returns:
        Win rates with intervals, ratings, agreement, and the rows that do not count.

    Raises:
        BenchError: no answer of these files counts for this study.
    """
    found = load_study(study, workspace=workspace)
    return import_results(paths(results, "results"), found.folder)


@accepts(AgreementOptions)
def agreement(
    study: Study | Folder | None = None,
    settings: AgreementOptions | None = None,
    *,
    out: Folder | None = None,
    workspace: Folder | None = None,
    **choices: Any,
) -> MetricAgreement:
    """Compare metrics with the votes of a study, or with a table of ratings, as `bench agreement`.

    Args:
        study: the study, its name or its folder (default: the latest; none with `ratings`).
        settings: options as one object; keywords override its fields.
        out: the folder of the results (default: the study's, or `agreement/NAME` in the workspace).
        workspace: default `$BENCH_WORKSPACE`, else `./workspace`.

    Returns:
        The tables: `metrics`, `tests` and `pairs`.

    Raises:
        BenchError: the study lacks votes, or what was voted on lacks scores.
    """
    place = workspace_of(workspace)
    options = chosen(AgreementOptions, settings, choices, "agreement")
    if options.ratings is None:
        found = load_study(study, workspace=place.root)
        return agree_with_study(found, place, options, path_or_none(out))
    if study is not None:
        raise BenchError("Pass either a study or ratings=, not both.")
    return agree_with_table(place, options, path_or_none(out))
