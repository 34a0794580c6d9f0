"""What `bench agreement` compares: a study with its split's scores, or two tables."""

from dataclasses import replace
from pathlib import Path

from egoactgen_bench.artifacts.metric_agreement import MetricAgreement
from egoactgen_bench.artifacts.scores import Scores, load_scores
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.artifacts.studies import Study
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.agreement.agree_options import AgreementOptions
from egoactgen_bench.stages.agreement.judged_study import (
    changed_runs,
    judged_study,
    measured_by,
    scores_of_study,
)
from egoactgen_bench.stages.agreement.measure_agreement import measure
from egoactgen_bench.stages.agreement.metric_tables import measured_table
from egoactgen_bench.stages.agreement.rating_tables import judged_table
from egoactgen_bench.support.safe_names import is_safe_id


def agree_with_study(
    study: Study, workspace: Workspace, options: AgreementOptions, out: Path | None = None
) -> MetricAgreement:
    """Compare the scores of a study's split with its imported votes.

    Writes to `out` (default: the study's folder).
    """
    if options.scores or options.lower_is_better:
        raise BenchError(
            "--scores and --lower-is-better belong to a table of ratings (--ratings FILE.csv): "
            "a study is compared with the scores of its split."
        )
    judged = judged_study(study)
    scores = scores_of_study(study, workspace, options.protocol)
    measured = measured_by(scores, judged)
    warnings = changed_runs(study, scores, workspace)
    measured = replace(measured, notes=[*warnings, *measured.notes])
    return measure(judged, measured, out or study.folder)


def agree_with_table(
    workspace: Workspace, options: AgreementOptions, out: Path | None = None
) -> MetricAgreement:
    """Compare a table or folder of scores with a table of ratings.

    Writes to `out` (default: agreement/<name of the table>/ in the workspace).
    """
    ratings, scores = options.ratings, options.scores
    if ratings is None or scores is None:
        raise BenchError(
            "A table of ratings is compared with scores: pass both --ratings FILE.csv and --scores "
            "FILE.csv (or a folder of `bench score`)."
        )
    if scores.is_dir():
        if options.lower_is_better:
            raise BenchError("--lower-is-better belongs to a table; these scores state it.")
        known = load_scores(scores)
        judged = judged_table(ratings, _videos(known, workspace))
        measured = measured_by(known, judged)
    else:
        judged = judged_table(ratings)
        measured = measured_table(scores, judged, options.lower_is_better)
    name = ratings.stem if is_safe_id(ratings.stem) else "ratings"
    return measure(judged, measured, out or workspace.root / "agreement" / name)


def _videos(scores: Scores, workspace: Workspace) -> dict[str, str]:
    """The videos of the scored samples, if the workspace has their split."""
    folder = workspace.split(scores.manifest.split)
    if not (folder / "split.json").is_file():
        return {}
    split = load_split(folder)
    if split.fingerprint != scores.manifest.fingerprint:
        return {}
    return dict(zip(split.samples["sample_id"], split.samples["video_id"], strict=True))
