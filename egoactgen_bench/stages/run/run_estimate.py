"""What a run would take: images, disk space, time, and the cost of its requests."""

from collections.abc import Iterator
from pathlib import Path

from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import RunManifest
from egoactgen_bench.stages.run.run_method import RunJob


def estimate(job: RunJob, runs: Path) -> str:
    """Estimate images, disk space, and time and cost from earlier runs of the same method."""
    job.journal.work.check()
    work = job.work
    total = work.count(work.own)
    left = 0 if job.journal.finished else work.count(work.missing)
    frames = [job.split.frame_path(frame) for frame in job.columns["input_frame"][:100]]
    sizes = [frame.stat().st_size for frame in frames if frame.is_file()]
    disk = left * sum(sizes) / max(len(sizes), 1) / 1e6
    earlier = list(_earlier_runs(job.plan["method"], runs))
    speeds = [run.timing.images_per_second for run in earlier if run.timing]
    speed = next(filter(None, speeds), None)
    expected = f"about {left / speed:.0f} s" if speed else "time unknown without an earlier run"
    record = earlier[0].model_dump(mode="json") if earlier else None
    cost: str = call(job.method, "cost_estimate", left, record)
    return (
        f"{job.plan['method']} on {job.split.name}: {total} images, {total - left} of them done, "
        f"{left} to generate in {job.journal.folder}: about {disk:.1f} MB, {expected}. {cost}"
    ).strip()


def _earlier_runs(method: str, runs: Path) -> Iterator[RunManifest]:
    """The finished runs of a method, the latest first."""
    paths = sorted(runs.glob("*/*/run.json"), key=lambda path: path.stat().st_mtime_ns)
    manifests = (read_manifest(path, RunManifest) for path in reversed(paths))
    return (manifest for manifest in manifests if manifest.method == method)
