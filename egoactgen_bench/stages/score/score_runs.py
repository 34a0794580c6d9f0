"""Scores runs: computes the metrics of a protocol, with intervals and tests, and writes tables."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from egoactgen_bench.analysis.published import published_rows, restate_published
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.toy_weights import is_toy_dataset
from egoactgen_bench.artifacts.manifest_base import build
from egoactgen_bench.artifacts.manifests import JudgeUse, ScoredRun, ScoreManifest
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.judging.served_judge import ServedJudge
from egoactgen_bench.measurement.copies import KEPT_AS, copied_role
from egoactgen_bench.measurement.measuring import Measurements, gather
from egoactgen_bench.measurement.protocols import (
    PUBLISHED_PROTOCOL,
)
from egoactgen_bench.measurement.sources import Candidate
from egoactgen_bench.stages.score.earlier_scores import Earlier, earlier_scores
from egoactgen_bench.stages.score.score_columns import (
    Column,
    joined,
    measured_columns,
    table_rows,
)
from egoactgen_bench.stages.score.score_files import finish_writing, write_scores
from egoactgen_bench.stages.score.score_options import ScoreOptions
from egoactgen_bench.stages.score.scoring_job import ScoringJob, nothing_to_measure, prepare
from egoactgen_bench.stages.score.summarising import Tables, tabulate
from egoactgen_bench.support import provenance
from egoactgen_bench.support.process_groups import Processes, connected
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.replacing import exclusive
from egoactgen_bench.support.sharding import ProcessShard
from egoactgen_bench.support.waiting import report_waiting


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
    with connected(ProcessShard.of_process()) as processes:
        job = prepare(split, runs, Path(folder), settings, **choices)
        return execute(job, progress, processes)


def execute(
    job: ScoringJob, progress: bool = False, processes: Processes | None = None
) -> Scores | None:
    """Measure, summarise and write; returns None in all processes but the first.

    `processes` are those of the launcher, if they were connected before the job was prepared.
    Raises `BenchError` if no metric can be computed; older tables are then kept.
    """
    if processes is None:
        with connected(job.shard) as found:
            return execute(job, progress, found)
    processes.wait()  # notice at once if another has failed to prepare the job
    if nothing := nothing_to_measure(job):
        raise BenchError(" ".join([nothing, *job.selection.failed.values()]))
    start = time.monotonic()
    own = job.shard.of_rank(job.measurer.batches)
    shown = progress and job.shard.rank == 0
    with report_progress("score", job.measurer.values_of(own), "value", shown=shown) as bar:
        outcome = job.measurer.measure(own, bar)
    with report_waiting("Waiting for the other processes", shown=shown):
        outcome = gather(outcome, processes)
    if job.shard.rank != 0:
        return None
    for candidate in job.candidates:
        candidate.copy_of = candidate.copy_of or copied_role(
            job.samples, candidate, job.measurer.kept(KEPT_AS)
        )
    texts = job.settled["descriptions"]
    columns = measured_columns(job.measurer, outcome, texts["sha256"] if texts else "")
    toy = _with_toy_weights(job)
    for column in columns:
        column.about.toy_weights = column.name in toy
    if not columns:
        nothing = f"No metric could be computed; {job.folder} is left unchanged."
        raise BenchError(
            " ".join([nothing, *job.selection.failed.values(), *outcome.broken.values()])
        )
    seconds = time.monotonic() - start
    with exclusive(job.folder):  # of two calls, each keeps what the other has added
        finish_writing(job.folder)
        with report_waiting("Computing intervals and tests", shown=shown):
            return _add(job, outcome, columns, seconds)


def _add(
    job: ScoringJob, outcome: Measurements, columns: Sequence[Column], seconds: float
) -> Scores:
    """Write the tables of what was measured and of the earlier scores that stay."""
    earlier = earlier_scores(
        job.folder,
        job.split,
        job.settled["protocol"],
        job.candidates,
        {column.name: column.about.signature for column in columns},
        job.images_of,
        job.only,
    )
    names = [candidate.name for candidate in job.candidates]
    rows = table_rows(list(map(_scored, job.candidates)), earlier)
    tables = tabulate(
        job.samples,
        joined(columns, names, [row.run for row in rows], earlier, job.samples.ids),
        rows,
        outcome.failures,
        earlier,
        job.settled["bootstrap"]["draws"],
        job.settled["fid_permutations"],
        job.settled["family"],
    )
    counts = tables.summary.set_index("run")["n"]
    deviating = list(dict.fromkeys([*earlier.deviating, *job.selection.deviating()]))
    manifest = build(
        ScoreManifest,
        {
            **job.settled,
            "descriptions": job.settled["descriptions"] or earlier.descriptions,
            "options": earlier.options | job.settled["options"],
            "runs": [row.model_copy(update={"n": int(counts[row.run])}) for row in rows],
            "published": _published(job, tables, deviating),
            "metrics": tables.metrics,
            "swap_tests": tables.swap_tests,
            "deviating": deviating,
            "failed_metrics": job.selection.failed | outcome.broken,
            "skipped_metrics": _skipped(job.selection.skipped, tables),
            "withheld_intervals": tables.withheld,
            "notices": _notices(job, outcome, tables, earlier, deviating),
            "device": provenance.device_name(job.device),
            "timing": {
                "seconds": round(seconds, 3),
                "measured_values": outcome.measured,
                "judge": _judge_use(job),
            },
            "versions": earlier.versions | provenance.versions(_packages(job)),
        },
    )
    restate_published(manifest, job.split.manifest)
    scores = write_scores(job.folder, job.split, manifest, tables)
    return replace(scores, replaced=" ".join(earlier.notices))


def _scored(candidate: Candidate) -> ScoredRun:
    return ScoredRun(
        run=candidate.name,
        method=candidate.method,
        reference=candidate.reference,
        copy_of=candidate.copy_of,
        toy_weights=candidate.toy_weights,
        target_time=candidate.target_time,
        reproducible_by_seed=candidate.reproducible_by_seed,
        images=candidate.digest(),  # sha256 over the hashes of the images
        samples=candidate.count,
    )


def _skipped(skipped: dict[str, list[str]], tables: Tables) -> dict[str, list[str]]:
    """The metrics that were left out and are not in the tables, by reason."""
    left = {
        why: [name for name in names if name not in tables.metrics]
        for why, names in skipped.items()
    }
    return {why: names for why, names in left.items() if names}


def _notices(
    job: ScoringJob,
    outcome: Measurements,
    tables: Tables,
    earlier: Earlier,
    deviating: Sequence[str],
) -> list[str]:
    notices = [*job.notices, *earlier.remarks({candidate.name for candidate in job.candidates})]
    if deviating:
        protocol = job.settled["protocol"]
        notices.append(f"Set by -o, deviating from protocol {protocol}: {', '.join(deviating)}.")
    return list(dict.fromkeys([*notices, *_changes(outcome), *tables.notices]))


def _with_toy_weights(job: ScoringJob) -> set[str]:
    """The metrics that toy weights compute on a split of another data set."""
    if is_toy_dataset(job.split.manifest.dataset):
        return set()
    return {
        metric.name
        for metric in job.selection.metrics
        if metric.context.weights_folder.label and call(metric, "weights")
    }


def _published(job: ScoringJob, tables: Tables, deviating: Sequence[str]) -> list[dict[str, Any]]:
    """The paper's values, which may appear only next to rows computed as by its code."""
    toy = any(metric.context.weights_folder.label for metric in job.selection.metrics)
    toy = toy or any(about.toy_weights for about in tables.metrics.values())
    if job.settled["protocol"] != PUBLISHED_PROTOCOL or deviating or toy:
        return []
    return published_rows(job.split.manifest)


def _changes(outcome: Measurements) -> list[str]:
    return [
        f"warning: {count} image{'s' * (count > 1)} of "
        f"{f'run {name!r}' if name else 'the split'} changed after being recorded and scored as "
        "found (`bench verify` lists them)."
        for name, count in sorted(outcome.changed.items())
        if count
    ]


def _judge_use(job: ScoringJob) -> JudgeUse | None:
    """What this call sent to a judge; None if it asked nothing."""
    if not isinstance(job.judge, ServedJudge):
        return None
    budget = job.judge.client.budget
    if not budget.requests:
        return None
    cost = round(budget.spent, 6) if budget.prices.known else None
    return JudgeUse(
        requests=budget.requests,
        tokens_in=budget.tokens_in,
        tokens_out=budget.tokens_out,
        cost=cost,
    )


def _packages(job: ScoringJob) -> list[str]:
    named = {package for metric in job.selection.metrics for package in metric.packages}
    return ["numpy", "pillow", *sorted(named)]
