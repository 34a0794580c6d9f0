"""Joins the submissions of several groups into one set of scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.intervals import Measured, clusters_of, compare
from egoactgen_bench.artifacts.archive import unpack
from egoactgen_bench.artifacts.archive_records import (
    PackRecord,
    RunRecord,
    ScoreRecord,
    is_image_name,
    parse,
)
from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.artifacts.manifests import (
    Bootstrap,
    MetricRecord,
    RunManifest,
    ScoredRun,
    ScoreManifest,
    SplitManifest,
)
from egoactgen_bench.artifacts.runs import COLUMNS, TEXT_COLUMNS, Run
from egoactgen_bench.artifacts.scores import ERROR_COLUMNS, VALUE_COLUMNS, Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.candidates import candidate_of
from egoactgen_bench.measurement.sources import Candidate
from egoactgen_bench.support.files import read_csv, sha256_file

DRAWS = 1000


@dataclass(frozen=True)
class Submission:
    """One group's archive, checked and unpacked in `folder`."""

    path: Path
    folder: Path
    record: PackRecord
    samples: pd.DataFrame  # sample_id and video_id of the split
    # `<group>/<run>` → manifest, samples.csv
    runs: dict[str, tuple[RunRecord, pd.DataFrame]]
    # protocol → manifest, values, errors
    scores: dict[str, tuple[ScoreRecord, pd.DataFrame, pd.DataFrame]]


@dataclass(frozen=True)
class Joined:
    """Several submissions on one test set."""

    split: Split
    scores: list[Scores]
    candidates: list[Candidate]
    manifests: dict[str, RunManifest]
    notices: list[str]


def read_submission(path: Path, parent: Path) -> Submission:
    """Check an archive, unpack it under `parent` and read it.

    Raises `BenchError` if it is incomplete or its parts do not belong together.
    """
    record, folder = unpack(path, parent)
    try:
        samples = read_csv(folder / "split/samples.csv", dtype=str)[["sample_id", "video_id"]]
        runs = {f"{record.group}/{name}": _run(folder, name, record) for name in record.runs}
        scores = {protocol: _scores(folder, protocol, record) for protocol in record.protocols}
    except (KeyError, ValueError, TypeError) as error:
        raise BenchError(f"{path} contains a table that cannot be read ({error}).") from None
    return Submission(path, folder, record, samples, runs, scores)


def _run(folder: Path, name: str, record: PackRecord) -> tuple[RunRecord, pd.DataFrame]:
    place = f"runs/{name}"
    text = (folder / place / "run.json").read_text(encoding="utf-8")
    run = parse(RunRecord, text, f"{place}/run.json")
    table = read_csv(folder / place / "samples.csv", dtype=dict.fromkeys(TEXT_COLUMNS, str))
    table = table[[column for column in COLUMNS if column in table]]
    made = table[table["status"] == OK]
    for image, sha256 in zip(made["image"], made["sha256"], strict=True):
        if not is_image_name(image) or record.files.get(f"{place}/{image}") != sha256:
            raise BenchError(
                f"{place}/samples.csv names {image[:80]!r}, which is missing from the archive."
            )
    _same(run.fingerprint, record.split.fingerprint, place)
    return run, table


def _scores(
    folder: Path, protocol: str, record: PackRecord
) -> tuple[ScoreRecord, pd.DataFrame, pd.DataFrame]:
    place = f"scores/{protocol}"
    text = (folder / place / "score.json").read_text(encoding="utf-8")
    score = parse(ScoreRecord, text, f"{place}/score.json")
    _same(score.fingerprint, record.split.fingerprint, place)
    _same(score.protocol, protocol, place)
    values = read_csv(folder / place / "scores.csv", dtype=dict.fromkeys(VALUE_COLUMNS, str))
    values = values.assign(value=values["value"].astype(float))
    errors = read_csv(folder / place / "errors.csv", dtype=str)
    for table in (values, errors):
        table["run"] = record.group + "/" + table["run"]
    return score, values, errors[list(ERROR_COLUMNS)]


def _same(found: str, expected: str, place: str) -> None:
    if found != expected:
        raise BenchError(
            f"{place} belongs to another test set or protocol than its archive declares "
            f"({found[:12]} instead of {expected[:12]}): it must be packed again."
        )


def join(paths: Sequence[Path], parent: Path, splits: Mapping[str, Split]) -> Joined:
    """Join submissions; the frames and actions come from `splits`, by fingerprint.

    Raises `BenchError` for submissions on different test sets or without a common protocol.
    """
    found = [read_submission(path, parent) for path in paths]
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
    protocols = [p for p in first.record.protocols if all(p in each.scores for each in found)]
    if not protocols:
        theirs = ", ".join(f"{each.path}: {' and '.join(each.scores)}" for each in found)
        raise BenchError(f"The archives have no protocol in common ({theirs}).")
    split = splits.get(first.record.split.fingerprint) or _bare_split(first)
    notices = _notices(found, split)
    scores = [_joined_scores(found, protocol, split) for protocol in protocols]
    return Joined(split, scores, *_candidates(found, split), notices)


def _named(submission: Submission) -> str:
    return f"{submission.record.split.name}, {submission.record.split.fingerprint[:12]}"


def _bare_split(submission: Submission) -> Split:
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


def _notices(found: Sequence[Submission], split: Split) -> list[str]:
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
    found: Sequence[Submission], split: Split
) -> tuple[list[Candidate], dict[str, RunManifest]]:
    """The runs as candidates, and their manifests; named `<group>/<run>`."""
    candidates: list[Candidate] = []
    manifests: dict[str, RunManifest] = {}
    for submission in found:
        for name, (record, table) in submission.runs.items():
            manifests[name] = record.manifest(split.name)
            folder = submission.folder / "runs" / name.partition("/")[2]
            candidate = candidate_of(split, Run(folder, manifests[name], table), [])
            candidate.name = name
            candidates.append(candidate)
    return candidates, manifests


def _joined_scores(found: Sequence[Submission], protocol: str, split: Split) -> Scores:
    parts = [(submission, *submission.scores[protocol]) for submission in found]
    metrics, notices = _metrics({each.path.name: score for each, score, _, _ in parts})
    values = pd.concat([values for _, _, values, _ in parts], ignore_index=True)
    values = values[values["metric"].isin(metrics)]
    text = [column for column in VALUE_COLUMNS if column != "value"]
    values[text] = values[text].astype("category")
    rows = [
        ScoredRun(run=name, method=run.method, reference=False)
        for submission in found
        for name, (run, _) in submission.runs.items()
    ]
    sources = [
        f"{each.record.group}: {each.path.name}, sha256 {sha256_file(each.path)}" for each in found
    ]
    manifest = ScoreManifest(
        split=split.name,
        fingerprint=split.fingerprint,
        frames_fingerprint=split.frames_fingerprint,
        protocol=protocol,
        bootstrap=Bootstrap(draws=DRAWS),
        runs=rows,
        metrics=dict(metrics),
        notices=[*sources, *notices],
    )
    errors = pd.concat([errors for *_, errors in parts], ignore_index=True)
    scores = Scores(Path(), manifest, values, pd.DataFrame(), pd.DataFrame(), errors)
    return _summarised(scores, split)


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
    summary: dict[str, Any] = {"run": scores.runs, "n": n}
    for each in measured:
        summary |= each.columns(clusters, DRAWS)
    return replace(
        scores,
        summary=pd.DataFrame(summary),
        comparisons=compare(measured, scores.runs, clusters),
    )


def _measured(scores: Scores, name: str, values: NDArray[np.float64]) -> Measured:
    factor = scores.metrics[name].factor
    if scores.metrics[name].per_sample:
        return Measured(name, factor, statistics.means(values) * factor, values)
    return Measured(name, factor, _of_sets(scores, name) * factor)


def _of_sets(scores: Scores, metric: str) -> NDArray[np.float64]:
    """A set metric's value for each run, as submitted: samples' values do not determine it."""
    table = scores.values
    rows = table[(table["metric"] == metric) & (table["sample_id"] == "")]
    by_run = dict(zip(rows["run"], rows["value"], strict=True))
    return np.array([by_run.get(run, np.nan) for run in scores.runs])
