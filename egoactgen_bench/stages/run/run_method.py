"""The stage `run`: a method's images for every sample of a split."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import chosen
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.batch_journal import OK, BatchWork
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import RunManifest
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import SampleError
from egoactgen_bench.generation import answers, method_factory
from egoactgen_bench.stages.run.run_journal import RunJournal
from egoactgen_bench.stages.run.run_options import RunOptions
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.images import read_rgb, write_png
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_bench.support.sharding import ProcessShard

Sample = dict[str, Any]  # a row of a samples.csv


@dataclass(frozen=True)
class RunJob:
    """A run with everything settled: what is asked, of which method, and where it goes."""

    split: Split
    method: Method[Any]
    samples: list[Sample]  # of the split, in its order
    descriptions: dict[str, str]
    passed: dict[str, Any]
    shard: ProcessShard
    journal: RunJournal

    @property
    def plan(self) -> dict[str, Any]:
        """All that shapes the images, as run.json names it."""
        return self.journal.plan

    @property
    def work(self) -> BatchWork:
        """This process's part of the batches."""
        batches = self.journal.batches
        return BatchWork(
            self.shard,
            batches.batches,
            batches.holds,
            lambda: self.journal.finished,
            lambda batch: len(self.batch(batch)),
            "image",
        )

    def batch(self, number: int) -> list[Sample]:
        """The samples of one batch."""
        size = self.plan["batch_size"]
        return self.samples[number * size : (number + 1) * size]


def run(
    method: str,
    split: Split,
    folder: Path,
    settings: RunOptions | None = None,
    *,
    overwrite: bool = False,
    progress: bool = False,
    **choices: Any,
) -> Run:
    """Make a method's images for a split in `folder`, or resume an earlier call.

    `settings` and `choices` are fields of `RunOptions`; `choices` override `settings`.
    With shards, the last to finish completes the run; the others return their own samples, and a
    manifest without counts.
    """
    return execute(prepare(method, split, folder, settings, **choices), overwrite, progress)


def prepare(
    method: str, split: Split, folder: Path, settings: RunOptions | None = None, **choices: Any
) -> RunJob:
    """Settle a run before any image is made; invalid choices are a `BenchError`.

    `settings` and `choices` are fields of `RunOptions`; `choices` override `settings`.
    """
    split.require_frames()
    asked = chosen(RunOptions, settings, choices, "run")
    shard = ProcessShard.of_process(asked.shard)
    texts = load_descriptions(split.folder, asked.descriptions) if asked.descriptions else None
    samples = cast("list[Sample]", split.samples[: asked.limit].to_dict("records"))
    built = method_factory.build(
        method,
        asked.options,
        weights=asked.weights,
        context=MethodContext(
            device=asked.device,
            dtype=asked.dtype,
            described=texts is not None,
            models=asked.models,
            cache=asked.cache,
            sample_ids=[sample["sample_id"] for sample in samples],
        ),
        local_rank=shard.local_rank,
    )
    size = asked.batch_size or built.default_batch_size
    plan = {
        "method": _without_folders(method, built.context.argument),
        "options": {"resolved": built.options.model_dump(mode="json")},
        "seed": asked.seed,
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "descriptions": texts and texts.name,
        "descriptions_sha256": texts and texts.sha256,
        "weights": provenance.hashes(built.weight_files()),
        "sources": built.sources(),
        "dtype": asked.dtype,
        # Part of the plan, though it only moves a pixel by one level: other kernels round
        # differently.
        "batch_size": size,
        # A limit that leaves nothing out is the same run as none.
        "limit": asked.limit if len(samples) < len(split.samples) else None,
    }
    journal = RunJournal(folder, plan, batches=-(-len(samples) // size))
    described = texts.texts if texts else {}
    return RunJob(split, built, samples, described, dict(asked.options), shard, journal)


def _without_folders(method: str, argument: str | None) -> str:
    """`images:/data/mine` → `images:mine`: a record names no place on this machine."""
    if argument is None:
        return method
    return f"{method.partition(':')[0]}:{Path(argument).resolve().name}"


def execute(job: RunJob, overwrite: bool = False, progress: bool = False) -> Run:
    """Do a job's own share, and complete the run if nothing of it is missing then."""
    journal, work = job.journal, job.work
    journal.begin(overwrite, work.own)
    if not journal.finished:
        _generate(job, progress)
    versions = provenance.versions(job.method.packages)
    return journal.assemble(job.passed, versions) or journal.partial(work.own)


def _generate(job: RunJob, progress: bool) -> None:
    if job.work.missing:
        job.method.load()
    device = provenance.device_name(job.method.context.device)

    def make(batch: int) -> None:
        start = time.perf_counter()
        rows = _make(job, job.batch(batch))
        seconds = time.perf_counter() - start
        job.journal.batches.record(batch, rows, device=device, seconds=seconds)

    job.work.run(make, progress)


def _make(job: RunJob, samples: list[Sample]) -> list[Sample]:
    """Ask for one batch, write its images, and return its rows of samples.csv."""
    # Threads, since reading and writing PNG costs more than a light method and frees the GIL.
    with ThreadPoolExecutor() as threads:
        requests = list(threads.map(partial(_request, job), samples))
        asked = answers.ask(job.method, requests)
        ids = [sample["sample_id"] for sample in samples]
        return list(threads.map(partial(_row, job), ids, asked))


def _request(job: RunJob, sample: Sample) -> Request | SampleError:
    sample_id, frame = sample["sample_id"], sample["input_frame"]
    try:
        image = read_rgb(job.split.frame_path(frame))
    except SampleError as error:
        return SampleError(error.code, f"input frame {frame}")
    # From the id, not the position: a limit, another order or a shard leaves a sample's noise as it
    # is.
    seed = derive_seed(job.plan["seed"], sample_id)
    return Request(sample_id, image, sample["action"], job.descriptions.get(sample_id), seed)


def _row(job: RunJob, sample_id: str, answer: answers.Answer) -> Sample:
    row = {
        "sample_id": sample_id,
        "image": "",
        "sha256": "",
        "seed": derive_seed(job.plan["seed"], sample_id),
        "prompt": answer.prompt,
        "status": OK,
        "seconds": round(answer.seconds, 4),
        "detail": "",
    }
    if isinstance(answer.output, SampleError):
        return row | {"status": answer.output.code, "detail": answer.output.detail}
    image = f"images/{sample_id}.png"
    data = write_png(job.journal.folder / image, answer.output)
    return row | {"image": image, "sha256": sha256_bytes(data)}


def estimate(job: RunJob, runs: Path) -> str:
    """What a job would do: images, disk, and time by an earlier run of the same method."""
    job.journal.work.check()
    work = job.work
    total = work.count(work.own)
    left = 0 if job.journal.finished else work.count(work.missing)
    frames = [job.split.frame_path(sample["input_frame"]) for sample in job.samples[:100]]
    sizes = [frame.stat().st_size for frame in frames if frame.is_file()]
    disk = left * sum(sizes) / max(len(sizes), 1) / 1e6
    speed = _earlier_speed(job.plan["method"], runs)
    expected = f"about {left / speed:.0f} s" if speed else "time unknown (no earlier run to go by)"
    return (
        f"{job.plan['method']} on {job.split.name}: {total} images, {total - left} of them done, "
        f"{left} to make in {job.journal.folder}: about {disk:.1f} MB, {expected}."
    )


def _earlier_speed(method: str, runs: Path) -> float | None:
    paths = sorted(runs.glob("*/*/run.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in reversed(paths):
        manifest = read_manifest(path, RunManifest)
        if manifest.method == method and manifest.timing and manifest.timing.images_per_second:
            return manifest.timing.images_per_second
    return None
