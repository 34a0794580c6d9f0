"""Estimates the cost of scoring, for `bench score --dry-run`."""

from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import SCORE, ScoreManifest, ScoreTiming
from egoactgen_bench.endpoints.reply_records import expected_cost
from egoactgen_bench.judging.served_judge import ServedJudge
from egoactgen_bench.measurement.protocols import left_out
from egoactgen_bench.measurement.sources import ImageFile
from egoactgen_bench.stages.score.scoring_job import ScoringJob


def estimate(job: ScoringJob) -> str:
    """Describe what scoring would read, compute and write."""
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
    lines += _expected_requests(job)
    lines += [f"would fail: {why}" for why in job.selection.failed.values()]
    lines += [left_out(job.selection.skipped)] * bool(job.selection.skipped)
    return "\n".join([*lines, *job.notices])


def _expected_requests(job: ScoringJob) -> list[str]:
    """How many requests a judge behind an endpoint would get, and what they would cost."""
    judged = [metric for metric in job.selection.metrics if metric.context.judge and metric.note()]
    if not isinstance(job.judge, ServedJudge) or not judged:
        return []
    values = len(job.samples) * len(job.candidates)
    requests = values * sum(metric.questions_per_sample for metric in judged)
    timing = _previous_timing(job)
    use = timing.judge if timing else None
    earlier = use and {
        "tokens": {"in": use.tokens_in, "out": use.tokens_out},
        "replies": use.requests,
    }
    cost = expected_cost(requests, 0, job.judge.client.budget.prices, earlier)
    host = job.judge.client.address.host
    return [f"up to {requests:,} requests to {host}, {cost}; kept replies are not asked again"]


def _expected_time(job: ScoringJob, values: int) -> str:
    """An estimate from the previous scoring into this folder, if it measured anything."""
    timing = _previous_timing(job)
    if timing is None or not timing.measured_values:
        return "time: unknown until a first scoring into this folder"
    seconds = values * timing.seconds / timing.measured_values
    return f"time: about {seconds:.0f} s at the previous speed, less if values are cached"


def _previous_timing(job: ScoringJob) -> ScoreTiming | None:
    path = job.folder / SCORE
    return read_manifest(path, ScoreManifest).timing if path.is_file() else None
