"""The contents of a report: a split, its scores, its runs' images and its user studies."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.analysis.published import restate_published
from egoactgen_bench.analysis.slices import all_slices
from egoactgen_bench.artifacts.descriptions import descriptions_of
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import AGREEMENT, REFERENCE, STUDY, RunManifest
from egoactgen_bench.artifacts.metric_agreement import (
    METRIC_AGREEMENT,
    MetricAgreement,
    load_metric_agreement,
)
from egoactgen_bench.artifacts.runs import Run, load_run
from egoactgen_bench.artifacts.scores import Scores, load_scores, read_numbers
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.artifacts.study_manifests import AgreementManifest, StudyManifest
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.candidates import candidates_of
from egoactgen_bench.measurement.protocols import PROTOCOLS
from egoactgen_bench.measurement.sources import Candidate
from egoactgen_bench.stages.report.submissions import join
from egoactgen_bench.support.files import sha256_file


@dataclass(frozen=True)
class StudyResults:
    """The results of one user study."""

    name: str
    manifest: StudyManifest
    win_rates: pd.DataFrame
    comparisons: pd.DataFrame
    agreement: dict[str, Any]
    metrics: MetricAgreement | None = None  # their agreement with the votes, if it was measured


@dataclass(frozen=True)
class Contents:
    """Everything that a report shows; `candidates` are the runs whose images are available."""

    split: Split
    scores: list[Scores]  # one per protocol
    candidates: list[Candidate]
    manifests: dict[str, RunManifest]  # run → its run.json
    slices: list[pd.DataFrame]  # one for each of `scores`
    descriptions: dict[str, str] = field(default_factory=dict)
    studies: list[StudyResults] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def gather(workspace: Workspace, split: Split, descriptions: str | None = None) -> Contents:
    """Collect what the workspace has on a split. Raises `BenchError` if it has no scores."""
    scores = _scores(workspace, split)
    if not scores:
        raise BenchError(f"Split '{split.name}' has no scores to report: run `bench score` first.")
    rows = [run for each in scores for run in each.manifest.runs]
    named = dict.fromkeys(run.run for run in rows if not run.method.startswith(REFERENCE))
    runs: dict[str, Run] = {}
    notices = []
    for name in named:
        folder = workspace.run(split.name, name)
        if (folder / "run.json").is_file():
            runs[name] = load_run(folder)
        else:
            notices.append(f"Run '{name}' is not in the workspace: its images are not shown.")
    candidates, remarks = candidates_of(split, list(runs.values()), ()) if runs else ([], [])
    notices += [*remarks, *_changed_runs(scores, candidates)]
    texts = descriptions_of(split, descriptions, notices)
    return Contents(
        split,
        scores,
        candidates,
        {name: run.manifest for name, run in runs.items()},
        list(map(_slices, scores)),
        texts.texts if texts else {},
        _studies(workspace, split, notices),
        notices,
    )


def gather_submissions(workspace: Workspace, archives: Sequence[Path]) -> Contents:
    """Join the archives of several groups; frames and actions come from the workspace's split."""
    joined = join(archives, workspace.root / "submissions", _splits(workspace))
    known = "verb" in joined.split.samples
    slices = [
        all_slices(scores, joined.split) if known else pd.DataFrame(columns=["by", "part", "run"])
        for scores in joined.scores
    ]
    texts = descriptions_of(joined.split, None) if known else None
    return Contents(
        joined.split,
        joined.scores,
        joined.candidates,
        joined.manifests,
        slices,
        texts.texts if texts else {},
        notices=joined.notices,
    )


def _slices(scores: Scores) -> pd.DataFrame:
    """slices.csv; raises `BenchError` if it is not of the same runs and metrics as score.json."""
    metrics = [name for name, about in scores.metrics.items() if about.per_sample]
    values = [f"{name}{end}" for name in metrics for end in ("", "_lo", "_hi")]
    table = read_numbers(scores.folder, "slices.csv", ("by", "part", "run", "n", *values))
    runs = table.groupby(["by", "part"])["run"].agg(sorted)
    if table["n"].isna().any() or not all(found == sorted(scores.runs) for found in runs):
        raise BenchError(
            f"{scores.folder / 'slices.csv'} and score.json are not of the same runs: score again "
            "with `bench score`."
        )
    return table


def _splits(workspace: Workspace) -> dict[str, Split]:
    """The workspace's splits that have frames, by fingerprint."""
    found = (load_split(path.parent) for path in sorted(workspace.splits.glob("*/split.json")))
    return {split.fingerprint: split for split in found if split.frames_fingerprint is not None}


def _scores(workspace: Workspace, split: Split) -> list[Scores]:
    folders = [workspace.scores(split.name, protocol) for protocol in PROTOCOLS]
    found = [load_scores(folder) for folder in folders if (folder / "score.json").is_file()]
    for each in found:
        if each.manifest.fingerprint != split.fingerprint:
            raise BenchError(
                f"{each.folder} contains scores of another version of split '{split.name}' "
                "(the fingerprints differ): score again with `bench score`."
            )
        restate_published(each.manifest, split.manifest)
    return found


def _changed_runs(scores: Sequence[Scores], candidates: Sequence[Candidate]) -> list[str]:
    """A sentence for each run whose images have changed since it was scored."""
    digests = {candidate.name: candidate.digest() for candidate in candidates}
    return [
        f"warning: the images of run '{run.run}' have changed since it was scored by protocol "
        f"{each.protocol}: score it again with `bench score`."
        for each in scores
        for run in each.manifest.runs
        # Scores of an early version do not record the digest.
        if run.images and digests.get(run.run, run.images) != run.images
    ]


def _studies(workspace: Workspace, split: Split, notices: list[str]) -> list[StudyResults]:
    """The studies of this split with imported answers, ordered by name."""
    found = []
    for path in sorted(workspace.root.glob(f"studies/*/{AGREEMENT}")):
        manifest = read_manifest(path.with_name(STUDY), StudyManifest)
        if manifest.split != split.name:
            continue
        if manifest.fingerprint != split.fingerprint:
            notices.append(
                f"Study '{manifest.name}' is of another version of split '{split.name}': omitted."
            )
            continue
        metrics = _metric_agreement(workspace, path.parent, manifest, notices)
        found.append(_study_in(path.parent, manifest, metrics))
    return found


def _metric_agreement(
    workspace: Workspace, folder: Path, study: StudyManifest, notices: list[str]
) -> MetricAgreement | None:
    """The agreement of metrics with a study's votes, if it was measured with these files."""
    if not (folder / METRIC_AGREEMENT).is_file():
        return None
    found = load_metric_agreement(folder)
    scores = workspace.scores(study.split, found.manifest.protocol) / "scores.csv"
    files = {"ratings.csv": folder / "ratings.csv", "scores.csv": scores}
    for name, path in files.items():
        if not path.is_file() or sha256_file(path) != found.manifest.inputs.get(name):
            notices.append(
                f"The agreement of metrics with study '{study.name}' was measured with another "
                f"{name}, and is omitted: run `bench agreement {study.name}` again."
            )
            return None
    return found


def _study_in(
    folder: Path, manifest: StudyManifest, metrics: MetricAgreement | None
) -> StudyResults:
    rates = read_numbers(folder, "win_rates.csv", ("run", "wins", "votes", "rate", "lo", "hi"))
    columns = ("run_a", "run_b", "difference", "p_value")
    tests = read_numbers(folder, "comparisons.csv", columns)
    agreement = read_manifest(folder / AGREEMENT, AgreementManifest)
    return StudyResults(manifest.name, manifest, rates, tests, agreement.model_dump(), metrics)
