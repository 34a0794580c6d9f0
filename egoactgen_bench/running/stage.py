"""The stage `run`: a method's images for every sample of a split."""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from egoactgen_bench import building, provenance
from egoactgen_bench.descriptions import load_descriptions
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.files import read_json, sha256_bytes
from egoactgen_bench.images import read_rgb, write_png
from egoactgen_bench.methods import Method
from egoactgen_bench.records import Request
from egoactgen_bench.running import answers
from egoactgen_bench.running.journal import Journal
from egoactgen_bench.runs import OK, Run
from egoactgen_bench.seeds import derive_seed
from egoactgen_bench.sharding import Share
from egoactgen_bench.splits import Split

if TYPE_CHECKING:
    from tqdm import tqdm

POLL_SECONDS = 0.2

Sample = dict[str, Any]  # a row of a samples.csv


@dataclass(frozen=True)
class Job:
    """A run with everything settled: what is asked, of which method, and where it goes."""

    split: Split
    method: Method[Any]
    samples: list[Sample]  # of the split, in its order
    descriptions: dict[str, str]
    passed: dict[str, Any]
    share: Share
    journal: Journal

    @property
    def plan(self) -> dict[str, Any]:
        """All that shapes the images, as run.json names it."""
        return self.journal.plan

    @property
    def own_batches(self) -> range:
        return self.share.of_rank(self.journal.batches)

    @property
    def shard_batches(self) -> range:
        return self.share.of_shard(self.journal.batches)

    def batch(self, number: int) -> list[Sample]:
        """The samples of one batch."""
        size = self.plan["batch_size"]
        return self.samples[number * size : (number + 1) * size]

    def count(self, batches: Iterable[int]) -> int:
        """How many samples these batches hold."""
        return sum(len(self.batch(batch)) for batch in batches)


def run(
    method: str,
    split: Split,
    folder: Path,
    *,
    overwrite: bool = False,
    progress: bool = False,
    **choices: Any,
) -> Run:
    """Make a method's images for a split in `folder`, going on where an earlier call was stopped.

    `choices` are those of `prepare`. With shards, the last to finish completes the run; the others
    return their own samples, and a manifest without counts.
    """
    return execute(prepare(method, split, folder, **choices), overwrite, progress)


def prepare(
    method: str,
    split: Split,
    folder: Path,
    *,
    models: Path = Path("workspace/models"),
    cache: Path | None = None,
    weights: str | None = None,
    descriptions: str | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    limit: int | None = None,
    shard: str = "1/1",
) -> Job:
    """Settle a run before any image is made; a call that cannot be served is a `BenchError`."""
    _check(split, batch_size, limit)
    share = Share.of_process(shard)
    texts = load_descriptions(split.folder, descriptions) if descriptions else None
    passed = dict(options or {})
    samples = cast("list[Sample]", split.samples[:limit].to_dict("records"))
    built = building.build(
        method,
        models=models,
        weights=weights,
        options=passed,
        device=device,
        dtype=dtype,
        described=texts is not None,
        local_rank=share.local_rank,
        cache=cache,
        sample_ids=[sample["sample_id"] for sample in samples],
    )
    size = batch_size or built.default_batch_size
    plan = {
        "method": _without_folders(method, built.setting.argument),
        "options": {"resolved": built.options.model_dump(mode="json")},
        "seed": seed,
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "descriptions": texts and texts.name,
        "descriptions_sha256": texts and texts.sha256,
        "weights": provenance.hashes(built.weight_files()),
        "sources": built.sources(),
        "dtype": dtype,
        "batch_size": size,
        "limit": limit if len(samples) < len(split.samples) else None,
    }
    journal = Journal(folder, plan, batches=-(-len(samples) // size))
    return Job(split, built, samples, texts.texts if texts else {}, passed, share, journal)


def _check(split: Split, batch_size: int | None, limit: int | None) -> None:
    if split.frames_fingerprint is None:
        raise BenchError(
            f"Split '{split.name}' was made with --times-only and holds no frames: "
            "prepare it again with --videos DIR."
        )
    for name, number in (("--batch-size", batch_size), ("--limit", limit)):
        if number is not None and number < 1:
            raise BenchError(f"{name} {number} is too small: at least 1.")


def _without_folders(method: str, argument: str | None) -> str:
    """`images:/data/mine` → `images:mine`: a record names no place on this machine."""
    if argument is None:
        return method
    return f"{method.partition(':')[0]}:{Path(argument).resolve().name}"


def execute(job: Job, overwrite: bool = False, progress: bool = False) -> Run:
    """Do a job's own share, and complete the run if nothing of it is missing then."""
    journal = job.journal
    journal.check(overwrite)
    if overwrite:
        journal.restart(job.own_batches)
    if not journal.finished:
        journal.start()
        shown = progress and job.share.rank == 0
        _generate(job, shown)
        if job.share.rank == 0:  # a launcher ends all ranks when one of them exits with a failure
            _wait(job, shown)
    versions = provenance.versions(job.method.packages)
    return journal.assemble(job.passed, versions) or journal.partial(job.own_batches)


def _generate(job: Job, progress: bool) -> None:
    missing = [batch for batch in job.own_batches if not job.journal.holds(batch)]
    if not missing:
        return
    job.method.load()
    device = provenance.device_name(job.method.setting.device)
    with _bar(job, job.own_batches, missing, progress) as bar:
        for batch in missing:
            start = time.perf_counter()
            rows = _make(job, job.batch(batch))
            job.journal.record(batch, rows, device, time.perf_counter() - start)
            bar.update(len(rows))


def _wait(job: Job, progress: bool) -> None:
    """Return when the shard's other processes have done their batches."""
    missing = [batch for batch in job.shard_batches if not job.journal.holds(batch)]
    with _bar(job, job.shard_batches, missing, progress and bool(missing)) as bar:
        bar.set_description("waiting for the other processes")
        while missing and not job.journal.finished:
            time.sleep(POLL_SECONDS)
            done = {batch for batch in missing if job.journal.holds(batch)}
            missing = [batch for batch in missing if batch not in done]
            bar.update(job.count(done))


def _bar(job: Job, batches: Iterable[int], missing: Iterable[int], shown: bool) -> "tqdm[Any]":
    """A progress bar over images on stderr, where that is a terminal."""
    from tqdm import tqdm

    total, left = job.count(batches), job.count(missing)
    return tqdm(total=total, initial=total - left, unit="image", disable=None if shown else True)


def _make(job: Job, samples: list[Sample]) -> list[Sample]:
    """Ask for one batch, write its images, and return its rows of samples.csv."""
    # Threads, since reading and writing PNG costs more than a light method and frees the GIL.
    with ThreadPoolExecutor() as threads:
        requests = list(threads.map(partial(_request, job), samples))
        asked = answers.ask(job.method, requests)
        ids = [sample["sample_id"] for sample in samples]
        return list(threads.map(partial(_row, job), ids, asked))


def _request(job: Job, sample: Sample) -> Request | SampleError:
    sample_id, frame = sample["sample_id"], sample["input_frame"]
    try:
        image = read_rgb(job.split.frame_path(frame))
    except SampleError as error:
        return SampleError(error.code, f"input frame {frame}")
    seed = derive_seed(job.plan["seed"], sample_id)
    return Request(sample_id, image, sample["action"], job.descriptions.get(sample_id), seed)


def _row(job: Job, sample_id: str, answer: answers.Answer) -> Sample:
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


def estimate(job: Job, runs: Path) -> str:
    """What a job would do: images, disk, and time by an earlier run of the same method."""
    job.journal.check()
    missing = [batch for batch in job.own_batches if not job.journal.holds(batch)]
    total = job.count(job.own_batches)
    left = 0 if job.journal.finished else job.count(missing)
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
    manifests = sorted(runs.glob("*/*/run.json"), key=lambda path: path.stat().st_mtime_ns)
    for manifest in map(read_json, reversed(manifests)):
        if manifest["method"] == method and manifest["timing"]["images_per_second"]:
            return float(manifest["timing"]["images_per_second"])
    return None
