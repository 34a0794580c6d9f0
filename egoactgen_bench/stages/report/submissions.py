"""Joins the submissions of several groups into one set of scores."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.analysis.cluster_means import means
from egoactgen_bench.analysis.intervals import (
    Measured,
    clusters_of,
    compare,
    impossible_tests,
    reasons,
)
from egoactgen_bench.analysis.mean_intervals import METHOD
from egoactgen_bench.artifacts.archive import opened, unpack
from egoactgen_bench.artifacts.archive_records import PackRecord, ScoreRecord
from egoactgen_bench.artifacts.manifests import (
    Bootstrap,
    CopiedRole,
    MetricRecord,
    RunManifest,
    ScoredRun,
    ScoreManifest,
    SplitManifest,
)
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.scores import VALUE_COLUMNS, Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.candidates import candidate_of
from egoactgen_bench.measurement.copies import copied_role
from egoactgen_bench.measurement.sources import Candidate, Samples
from egoactgen_bench.measurement.submitted_values import Submission, SubmissionReader, SubmittedRun
from egoactgen_bench.support.files import sha256_file

DRAWS = 1000


@dataclass(frozen=True)
class Unpacked:
    """One group's submission, checked, and the folder to which it was unpacked."""

    submission: Submission
    folder: Path

    @property
    def path(self) -> Path:
        return self.submission.path

    @property
    def record(self) -> PackRecord:
        return self.submission.record

    @property
    def samples(self) -> pd.DataFrame:
        """sample_id and video_id of the split."""
        return self.submission.samples

    def name(self, run: str) -> str:
        """The name of a run in the joined table, `<group>/<run>`."""
        return f"{self.record.group}/{run}"

    @property
    def runs(self) -> dict[str, SubmittedRun]:
        """The runs by their names in the joined table."""
        return {self.name(run): found for run, found in self.submission.runs.items()}


@dataclass(frozen=True)
class Joined:
    """Several submissions on one test set."""

    split: Split
    scores: list[Scores]
    candidates: list[Candidate]
    manifests: dict[str, RunManifest]
    notices: list[str]


def read(path: Path, parent: Path) -> Unpacked:
    """Check an archive, unpack it under `parent` and read it.

    Raises `BenchError` if it is changed, incomplete or not plausible.
    """
    record, folder = unpack(path, parent)
    try:
        with opened(path) as (archive, _):
            return Unpacked(SubmissionReader(path, archive, record).read(), folder)
    except BenchError:
        shutil.rmtree(folder, ignore_errors=True)  # nothing of a rejected archive is kept
        raise


def join(paths: Sequence[Path], parent: Path, splits: Mapping[str, Split]) -> Joined:
    """Join submissions; the frames and actions come from `splits`, by fingerprint.

    Raises `BenchError` for submissions on different test sets or without a common protocol.
    """
    found = [read(path, parent) for path in paths]
    first = found[0]
    for other in found[1:]:
        if other.record.split.fingerprint != first.record.split.fingerprint or (
            not other.samples.equals(first.samples)
        ):
            raise BenchError(
                f"{first.path} and {other.path} belong to different test sets ("
                f"{_named(first)} and {_named(other)}): they cannot share a table."
            )
    runs = [name for submission in found for name in submission.runs]
    if repeated := sorted({name for name in runs if runs.count(name) > 1}):
        raise BenchError(
            f"Two archives contain '{repeated[0]}': pack one of them again with another --group."
        )
    protocols = [
        p for p in first.record.protocols if all(p in each.record.protocols for each in found)
    ]
    if not protocols:
        theirs = ", ".join(f"{each.path}: {' and '.join(each.record.protocols)}" for each in found)
        raise BenchError(f"The archives have no protocol in common ({theirs}).")
    split = splits.get(first.record.split.fingerprint) or _bare_split(first)
    columns = ["sample_id", "video_id"]
    if not split.samples[columns].reset_index(drop=True).equals(first.samples):
        raise BenchError(
            f"{first.path} does not contain the samples of split '{split.name}', although the "
            "fingerprints are equal: obtain it again from its authors."
        )
    notices = _notices(found, split)
    candidates, manifests = _candidates(found, split)
    scores = [_joined_scores(found, protocol, split, candidates) for protocol in protocols]
    return Joined(split, scores, candidates, manifests, notices)


def _named(submission: Unpacked) -> str:
    return f"{submission.record.split.name}, {submission.record.split.fingerprint[:12]}"


def _bare_split(submission: Unpacked) -> Split:
    """A split that is not in the workspace, with only its sample ids and video ids."""
    known = submission.record.split.model_dump()
    kept = len(submission.samples)
    manifest = SplitManifest.model_validate(
        known
        | {
            "subset": "val",
            "recipe": {},
            "counts": {"kept": kept, "rejected": 0, "by_reason": {}},
        }
    )
    return Split(submission.folder, manifest, submission.samples)


def _notices(found: Sequence[Unpacked], split: Split) -> list[str]:
    notices = []
    frames = {each.record.split.frames_fingerprint for each in found}
    if len(frames) > 1:
        notices.append(
            "warning: the submissions were generated from and scored against different frames "
            "(frames_fingerprint differs): they may come from another decoder or video version."
        )
    if "action" not in split.samples:
        notices.append(
            f"Split '{split.name}' is not in the workspace: its frames and actions are not shown."
        )
    return notices


def _candidates(
    found: Sequence[Unpacked], split: Split
) -> tuple[list[Candidate], dict[str, RunManifest]]:
    """The runs as candidates, and their manifests; named `<group>/<run>`."""
    candidates: list[Candidate] = []
    manifests: dict[str, RunManifest] = {}
    for submission in found:
        for run, submitted in submission.submission.runs.items():
            name = submission.name(run)
            manifests[name] = submitted.manifest.manifest(split.name)
            folder = submission.folder / "runs" / run
            candidate = candidate_of(split, Run(folder, manifests[name], submitted.samples), [])
            candidate.name = name
            candidate.copy_of = _copied_role(submission, run, split, candidate)
            candidates.append(candidate)
    return candidates, manifests


def _copied_role(submission: Unpacked, run: str, split: Split, candidate: Candidate) -> CopiedRole:
    """The frames that a run copies: found in its images if the split is known, or as scored."""
    if "input_frame" in split.samples and (role := copied_role(Samples(split, {}), candidate)):
        return role
    scored = (scores.manifest.row(run) for scores in submission.submission.scores.values())
    return next((row.copy_of for row in scored if row.copy_of), "")


def _joined_scores(
    found: Sequence[Unpacked], protocol: str, split: Split, candidates: Sequence[Candidate]
) -> Scores:
    parts = [submission.submission.scores[protocol] for submission in found]
    metrics, notices = _metrics(
        {each.path.name: part.manifest for each, part in zip(found, parts, strict=True)}
    )
    values = _of_groups(found, [part.values for part in parts])
    values = values[values["metric"].isin(metrics)]
    text = [column for column in VALUE_COLUMNS if column != "value"]
    values[text] = values[text].astype("category")
    rows = [
        ScoredRun(
            run=each.name,
            method=each.method,
            reference=each.reference,
            copy_of=each.copy_of,
            toy_weights=each.toy_weights,
            target_time=each.target_time,
            reproducible_by_seed=each.reproducible_by_seed,
        )
        for each in candidates
    ]
    sources = [
        f"{each.record.group}: {each.path.name}, sha256 {sha256_file(each.path)}" for each in found
    ]
    manifest = ScoreManifest(
        split=split.name,
        fingerprint=split.fingerprint,
        frames_fingerprint=split.frames_fingerprint,
        protocol=protocol,
        bootstrap=Bootstrap(draws=DRAWS, method=METHOD),
        runs=rows,
        metrics=dict(metrics),
        notices=[*sources, *notices],
    )
    errors = _of_groups(found, [part.errors for part in parts])
    scores = Scores(Path(), manifest, values, pd.DataFrame(), pd.DataFrame(), errors)
    return _summarised(scores, split)


def _of_groups(found: Sequence[Unpacked], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of the submissions as one, with the runs' names in the joined table."""
    renamed = [
        table.assign(run=f"{submission.record.group}/" + table["run"].astype(str))
        for submission, table in zip(found, tables, strict=True)
    ]
    return pd.concat(renamed, ignore_index=True)


def _metrics(scores: Mapping[str, ScoreRecord]) -> tuple[dict[str, MetricRecord], list[str]]:
    """The metrics with the same signature in all submissions, and a sentence for each other one."""
    known: dict[str, MetricRecord] = {}
    by_metric: dict[str, dict[str, str]] = {}
    for path, score in scores.items():
        for name, about in score.metrics.items():
            known.setdefault(name, about)
            by_metric.setdefault(name, {})[path] = _without_versions(
                about.signature, score.versions
            )
    notices = []
    for name, signatures in by_metric.items():
        if len(set(signatures.values())) > 1:
            del known[name]
            theirs = "; ".join(f"{path}: {signature}" for path, signature in signatures.items())
            notices.append(f"{name} is omitted: it was computed in different ways ({theirs}).")
    return known, notices


def _without_versions(signature: str, versions: Mapping[str, str]) -> str:
    """A signature without the versions of packages, which may differ between groups.

    It ends in the metric's revision. Signatures of 0.1.0, where every metric had revision 1, end in
    the toolkit's version (`v:`) instead.
    """
    name, *parts = signature.split("|")
    kept = [part for part in parts if part.partition(":")[0] not in versions]
    last = kept.pop() if kept and kept[-1].startswith(("r:", "v:")) else ""
    return "|".join([name, *kept, last if last.startswith("r:") else "r:1"])


def _summarised(scores: Scores, split: Split) -> Scores:
    """The scores with summary and comparisons computed again from the values of each sample."""
    clusters = clusters_of(split.samples["video_id"])
    cube = scores.per_sample(split.samples["sample_id"], list(scores.metrics))
    n = np.sum(~np.isnan(cube), axis=0).max(axis=1, initial=0)
    for run, count in zip(scores.manifest.runs, n.tolist(), strict=True):
        run.n = count
    measured = [
        _measured(scores, name, cube[:, :, number]) for number, name in enumerate(scores.metrics)
    ]
    intervals = {each.metric: each.intervals(clusters, DRAWS) for each in measured}
    summary: dict[str, Any] = {"run": scores.runs, "n": n}
    for each in measured:
        summary |= each.columns(intervals[each.metric])
    scores.manifest.withheld_intervals = reasons(intervals, scores.runs)
    if sentence := impossible_tests(measured, scores.runs, clusters, scores.unranked):
        scores.manifest.notices.append(sentence)
    return replace(
        scores,
        summary=pd.DataFrame(summary),
        comparisons=compare(measured, scores.runs, clusters, scores.unranked),
    )


def _measured(scores: Scores, name: str, values: NDArray[np.float64]) -> Measured:
    about = scores.metrics[name]
    factor = about.factor
    if about.per_sample:
        return Measured(name, factor, means(values) * factor, values, bounds=about.bounds)
    return Measured(name, factor, _of_sets(scores, name) * factor)


def _of_sets(scores: Scores, metric: str) -> NDArray[np.float64]:
    """A set metric's value for each run, as submitted: samples' values do not determine it."""
    table = scores.values
    rows = table[(table["metric"] == metric) & (table["sample_id"] == "")]
    by_run = dict(zip(rows["run"], rows["value"], strict=True))
    return np.array([by_run.get(run, np.nan) for run in scores.runs])
