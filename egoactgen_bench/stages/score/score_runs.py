"""The stage `score`: every metric of a protocol on the images of runs, with intervals and tests."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from egoactgen_bench.analysis.published import published_rows
from egoactgen_bench.analysis.slices import all_slices
from egoactgen_bench.api.metric import MetricContext
from egoactgen_bench.api.options import chosen
from egoactgen_bench.artifacts.descriptions import descriptions_of
from egoactgen_bench.artifacts.manifest_base import build, read_manifest
from egoactgen_bench.artifacts.manifests import SCORE, ScoreManifest
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
    left_out,
    select,
)
from egoactgen_bench.measurement.sources import Candidate, ImageFile, Samples
from egoactgen_bench.presentation.score_tables import latex, markdown, plain
from egoactgen_bench.stages.score.score_options import ScoreOptions
from egoactgen_bench.stages.score.summarising import Tables, tabulate
from egoactgen_bench.support import provenance
from egoactgen_bench.support.devices import resolve_device
from egoactgen_bench.support.files import sha256_file, write_csv, write_text
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.toy import stand_ins

TABLES = (
    "scores.csv",
    "summary.csv",
    "comparisons.csv",
    "errors.csv",
    "slices.csv",
    "table.csv",
    "table.md",
    "table.tex",
)


@dataclass(frozen=True)
class ScoringJob:
    """A scoring with everything settled: what is measured on what, and where it goes."""

    split: Split
    candidates: list[Candidate]
    samples: Samples
    selection: Selection
    measurer: Measurer
    folder: Path
    shard: ProcessShard
    device: str
    settled: dict[str, Any]  # all that shapes the values, for score.json
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
    """Score runs of a split into `folder` and return the tables.

    `settings` and `choices` are fields of `ScoreOptions`; `choices` override `settings`.
    Of several processes (torchrun) the first writes and returns; the others return None.
    """
    return execute(prepare(split, runs, Path(folder), settings, **choices), progress)


def prepare(
    split: Split,
    runs: Sequence[Run],
    folder: Path,
    settings: ScoreOptions | None = None,
    **choices: Any,
) -> ScoringJob:
    """Settle a scoring; invalid choices are a `BenchError`.

    `settings` and `choices` are fields of `ScoreOptions`; `choices` override `settings`.
    """
    asked = chosen(ScoreOptions, settings, choices, "score")
    if asked.captioner not in CAPTIONERS:
        raise BenchError(
            f"Unknown captioner '{asked.captioner}'.{did_you_mean(asked.captioner, CAPTIONERS)}"
        )
    shard = ProcessShard.of_process()
    root = asked.workspace or folder
    texts = descriptions_of(split, asked.descriptions)
    context = MetricContext(
        weights=stand_ins.folder_for(split.manifest.dataset, asked.weights, root / "models"),
        device=resolve_device(asked.device, shard.local_rank),
        workspace=root,
        fresh=asked.overwrite,
    )
    samples = Samples(split, texts.texts if texts else {})
    defaults = Defaults(split.manifest.metric_defaults, {"captioner": asked.captioner})
    selection = select(
        asked.protocol, asked.metrics, asked.options, context, samples.roles, defaults
    )
    candidates, notices = candidates_of(split, runs, asked.references)
    if deviating := selection.deviating():
        notices.append(f"By -o, not as protocol {asked.protocol} has it: {', '.join(deviating)}.")
    measurer = Measurer(
        samples,
        candidates,
        selection.metrics,
        root / "cache",
        asked.batch_size,
        fresh=asked.overwrite,
    )
    settled = {
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "protocol": asked.protocol,
        "descriptions": texts and {"name": texts.name, "sha256": texts.sha256},
        "captioner": asked.captioner,
        "options": asked.options,
        "bootstrap": {"draws": asked.bootstrap, "clustered_by": "video_id", "level": 0.95},
        "fid_permutations": asked.fid_permutations,
        "batch_size": asked.batch_size,
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
    """Measure, summarise and write a settled scoring; None in all processes but the first.

    Where no metric can be computed it is a `BenchError`, and an older table stays as it is.
    """
    from tqdm import tqdm

    if nothing := nothing_to_measure(job):
        raise BenchError(" ".join([nothing, *job.selection.failed.values()]))
    start = time.monotonic()
    own = job.shard.of_rank(job.measurer.batches)
    quiet = not progress or job.shard.rank != 0
    outcome = job.measurer.measure(tqdm(own, "score", disable=quiet or None, unit="batch"))
    outcome = gather(outcome, job.shard)
    if job.shard.rank != 0:
        return None
    tables = tabulate(
        job.measurer,
        outcome,
        job.split.name,
        job.settled["bootstrap"]["draws"],
        job.settled["fid_permutations"],
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
            "notices": notices,
            "device": provenance.device_name(job.device),
            "timing": {"seconds": round(seconds, 3), "measured_values": outcome.measured},
            "versions": provenance.versions(_packages(job)),
        },
    )
    return _write(job, manifest, tables)


def nothing_to_measure(job: ScoringJob) -> str:
    """A sentence where no metric can be computed, else none."""
    if job.selection.metrics:
        return ""
    return f"No metric can be computed; what {job.folder} holds stays as it is."


def _write(job: ScoringJob, manifest: ScoreManifest, tables: Tables) -> Scores:
    """Write the tables, and last of all score.json."""
    folder = job.folder
    (folder / SCORE).unlink(missing_ok=True)
    write_csv(folder / "scores.csv", tables.values)
    write_csv(folder / "summary.csv", tables.summary)
    write_csv(folder / "comparisons.csv", tables.comparisons)
    write_csv(folder / "errors.csv", tables.errors)
    if tables.captions.empty:
        (folder / "captions.csv").unlink(missing_ok=True)
    else:
        write_csv(folder / "captions.csv", tables.captions)
    scores = Scores(
        folder, manifest, tables.values, tables.summary, tables.comparisons, tables.errors
    )
    write_csv(folder / "slices.csv", all_slices(scores, job.split))
    write_csv(folder / "table.csv", plain(scores))
    write_text(folder / "table.md", markdown(scores))
    write_text(folder / "table.tex", latex(scores))
    files = {
        name: sha256_file(folder / name)
        for name in (*TABLES, "captions.csv")
        if (folder / name).is_file()
    }
    manifest = manifest.model_copy(update={"files": files})
    manifest.save(folder / SCORE)
    return replace(scores, manifest=manifest)


def _runs(candidates: Sequence[Candidate], tables: Tables) -> list[dict[str, Any]]:
    counts = tables.summary.set_index("run")["n"]
    return [  # `images` names the set of images: sha256 over their own hashes
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
    """The paper's numbers, which may stand only beside rows made as its code made them."""
    own = job.settled["protocol"] == PUBLISHED_PROTOCOL
    own = own and not job.selection.deviating()
    own = own and not any(metric.context.weights_folder.label for metric in job.selection.metrics)
    return published_rows(job.split.manifest) if own else []


def _changes(outcome: Measurements) -> list[str]:
    return [
        f"warning: {count} image{'s' * (count > 1)} of "
        f"{f'run {name!r}' if name else 'the split'} changed since being recorded; scored as found "
        "(`bench verify` names them)."
        for name, count in sorted(outcome.changed.items())
        if count
    ]


def _packages(job: ScoringJob) -> list[str]:
    named = {package for metric in job.selection.metrics for package in metric.packages}
    return ["numpy", "pillow", *sorted(named)]


def estimate(job: ScoringJob) -> str:
    """What a scoring would read, compute and write."""
    outputs = [
        frame.path
        for candidate in job.candidates
        for frame in map(candidate.output, range(len(job.samples)))
        if isinstance(frame, ImageFile) and not candidate.reference
    ]
    frames = [sample.target.path for sample in job.samples]
    size = sum(path.stat().st_size for path in [*outputs, *frames] if path.is_file())
    names = [metric.name for metric in job.selection.metrics]
    lines = [
        f"{len(job.samples)} samples, {len(job.candidates)} row{'s' * (len(job.candidates) != 1)} "
        f"({', '.join(candidate.name for candidate in job.candidates)}), protocol "
        f"{job.settled['protocol']}: {', '.join(names) or 'no metric'}",
        f"reads {len(outputs) + len(frames)} images, {size / 1e6:.1f} MB; "
        f"writes about {len(outputs) * len(names) * 150 / 1e6:.1f} MB of tables to {job.folder}",
        _expected_time(job, len(job.samples) * len(job.candidates) * len(names)),
    ]
    lines += [f"would fail: {why}" for why in job.selection.failed.values()]
    lines += [left_out(job.selection.skipped)] * bool(job.selection.skipped)
    return "\n".join([*lines, *job.notices])


def _expected_time(job: ScoringJob, values: int) -> str:
    """From what the last scoring into this folder took, if it measured anything."""
    path = job.folder / SCORE
    timing = read_manifest(path, ScoreManifest).timing if path.is_file() else None
    if timing is None or not timing.measured_values:
        return "takes a time that is not known before a first scoring here has measured something"
    seconds = values * timing.seconds / timing.measured_values
    return f"takes about {seconds:.0f} s, less what was measured before, at the last scoring's pace"
