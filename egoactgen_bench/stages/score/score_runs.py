"""Scores runs: computes the metrics of a protocol, with intervals and tests, and writes tables."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egoactgen_bench.analysis.mean_intervals import METHOD
from egoactgen_bench.analysis.published import published_rows, restate_published
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.options import chosen
from egoactgen_bench.artifacts.descriptions import descriptions_of
from egoactgen_bench.artifacts.manifest_base import build
from egoactgen_bench.artifacts.manifests import ScoreManifest
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.captioning.captioner import CAPTIONERS
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.measurement.candidates import candidates_of
from egoactgen_bench.measurement.measuring import Measurements, Measurer, gather
from egoactgen_bench.measurement.protocols import (
    PUBLISHED_PROTOCOL,
    Defaults,
    Selection,
    select,
)
from egoactgen_bench.measurement.sources import Candidate, Samples
from egoactgen_bench.stages.score.score_files import write_scores
from egoactgen_bench.stages.score.score_options import ScoreOptions
from egoactgen_bench.stages.score.summarising import Tables, tabulate
from egoactgen_bench.support import provenance
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.progress import Progress, report_progress
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.toy import stand_ins


@dataclass(frozen=True)
class ScoringJob:
    """The inputs, metrics and output folder of scoring, with all options resolved."""

    split: Split
    candidates: list[Candidate]
    samples: Samples
    selection: Selection
    measurer: Measurer
    folder: Path
    shard: ProcessShard
    device: str
    settled: dict[str, Any]  # everything that affects the values, for score.json
    notices: list[str] = field(default_factory=list)


def score(
    split: Split,
    runs: Sequence[Run],
    folder: Path | str,
    settings: ScoreOptions | None = None,
    *,
    progress: bool = False,
    **choices: Any,
) -> Scores | None:
    """Score runs of a split, write the tables to `folder` and return them.

    `settings` and `choices` are fields of `ScoreOptions`; `choices` override `settings`.
    Of several processes (torchrun), the first one writes and returns; the others return None.
    """
    return execute(prepare(split, runs, Path(folder), settings, **choices), progress)


def prepare(
    split: Split,
    runs: Sequence[Run],
    folder: Path,
    settings: ScoreOptions | None = None,
    **choices: Any,
) -> ScoringJob:
    """Resolve the options of scoring. Raises `BenchError` for invalid ones.

    `settings` and `choices` are fields of `ScoreOptions`; `choices` override `settings`.
    """
    resolved = chosen(ScoreOptions, settings, choices, "score")
    if resolved.captioner not in CAPTIONERS:
        raise BenchError(
            f"Unknown captioner '{resolved.captioner}'."
            + did_you_mean(resolved.captioner, CAPTIONERS)
        )
    shard = ProcessShard.of_process()
    root = resolved.workspace or folder
    texts = descriptions_of(split, resolved.descriptions)
    context = MetricContext(
        weights=stand_ins.folder_for(split.manifest.dataset, resolved.weights, root / "models"),
        device=resolve_device(resolved.device, shard.local_rank),
        workspace=root,
        fresh=resolved.overwrite,
    )
    samples = Samples(split, texts.texts if texts else {})
    defaults = Defaults(split.manifest.metric_defaults, {"captioner": resolved.captioner})
    selection = select(
        resolved.protocol, resolved.metrics, resolved.options, context, samples.roles, defaults
    )
    candidates, notices = candidates_of(split, runs, resolved.references)
    if deviating := selection.deviating():
        notices.append(
            f"Set by -o, deviating from protocol {resolved.protocol}: {', '.join(deviating)}."
        )
    measurer = Measurer(
        samples,
        candidates,
        selection.metrics,
        root / "cache",
        resolved.batch_size,
        fresh=resolved.overwrite,
    )
    settled = {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "protocol": resolved.protocol,
        "descriptions": texts and {"name": texts.name, "sha256": texts.sha256},
        "captioner": resolved.captioner,
        "options": resolved.options,
        "bootstrap": {
            "draws": resolved.bootstrap,
            "clustered_by": "video_id",
            "level": 0.95,
            "method": METHOD,
        },
        "family": resolved.family,
        "fid_permutations": resolved.fid_permutations,
        "batch_size": resolved.batch_size,
    }
    return ScoringJob(
        split,
        candidates,
        samples,
        selection,
        measurer,
        folder,
        shard,
        context.device,
        settled,
        notices,
    )


def execute(job: ScoringJob, progress: bool = False) -> Scores | None:
    """Measure, summarise and write; returns None in all processes but the first.

    Raises `BenchError` if no metric can be computed; older tables are then kept.
    """
    if nothing := nothing_to_measure(job):
        raise BenchError(" ".join([nothing, *job.selection.failed.values()]))
    start = time.monotonic()
    own = job.shard.of_rank(job.measurer.batches)
    sizes = {batch: len(job.measurer.samples_of(batch)) for batch in own}
    shown = progress and job.shard.rank == 0
    with report_progress("score", sum(sizes.values()), "sample", shown=shown) as bar:
        outcome = job.measurer.measure(_counted(sizes, bar))
    outcome = gather(outcome, job.shard)
    if job.shard.rank != 0:
        return None
    tables = tabulate(
        job.measurer,
        outcome,
        job.split.name,
        job.settled["bootstrap"]["draws"],
        job.settled["fid_permutations"],
        job.settled["family"],
    )
    if not tables.metrics:
        nothing = f"No metric could be computed; {job.folder} is left unchanged."
        raise BenchError(
            " ".join([nothing, *job.selection.failed.values(), *outcome.broken.values()])
        )
    seconds = time.monotonic() - start
    notices = [*job.notices, *_changes(outcome), *tables.notices]
    failed = job.selection.failed | outcome.broken
    manifest = build(
        ScoreManifest,
        {
            **job.settled,
            "runs": _runs(job.candidates, tables),
            "published": _published(job),
            "metrics": tables.metrics,
            "failed_metrics": failed,
            "skipped_metrics": job.selection.skipped,
            "withheld_intervals": tables.withheld,
            "notices": notices,
            "device": provenance.device_name(job.device),
            "timing": {"seconds": round(seconds, 3), "measured_values": outcome.measured},
            "versions": provenance.versions(_packages(job)),
        },
    )
    restate_published(manifest, job.split.manifest)
    return write_scores(job.folder, job.split, manifest, tables)


def _counted(sizes: dict[int, int], bar: Progress) -> Iterator[int]:
    """The batches, each counted when the next one is requested."""
    for batch, size in sizes.items():
        yield batch
        bar.update(size)


def nothing_to_measure(job: ScoringJob) -> str:
    """A sentence if no metric can be computed, else an empty string."""
    if job.selection.metrics:
        return ""
    return f"No metric can be computed; {job.folder} is left unchanged."


def _runs(candidates: Sequence[Candidate], tables: Tables) -> list[dict[str, Any]]:
    counts = tables.summary.set_index("run")["n"]
    return [  # `images` identifies the set of images: sha256 over their hashes
        {
            "run": candidate.name,
            "method": candidate.method,
            "reference": candidate.reference,
            "images": candidate.digest(),
            "samples": candidate.count,
            "n": int(counts[candidate.name]),
        }
        for candidate in candidates
    ]


def _published(job: ScoringJob) -> list[dict[str, Any]]:
    """The paper's values, which may appear only next to rows computed as by its code."""
    own = job.settled["protocol"] == PUBLISHED_PROTOCOL
    own = own and not job.selection.deviating()
    own = own and not any(metric.context.weights_folder.label for metric in job.selection.metrics)
    return published_rows(job.split.manifest) if own else []


def _changes(outcome: Measurements) -> list[str]:
    return [
        f"warning: {count} image{'s' * (count > 1)} of "
        f"{f'run {name!r}' if name else 'the split'} changed after being recorded and scored as "
        "found (`bench verify` lists them)."
        for name, count in sorted(outcome.changed.items())
        if count
    ]


def _packages(job: ScoringJob) -> list[str]:
    named = {package for metric in job.selection.metrics for package in metric.packages}
    return ["numpy", "pillow", *sorted(named)]
