"""Runs a method: generates an image for every sample of a split."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from egoactgen_bench.api.method import Method, MethodContext
from egoactgen_bench.api.options import chosen
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.api.records import Request
from egoactgen_bench.artifacts.batch_journal import OK, BatchWork
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.runs import Run
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.endpoints.uploads import licence_of
from egoactgen_bench.errors import SampleError
from egoactgen_bench.generation import answers, method_factory
from egoactgen_bench.stages.run.first_failures import FirstFailures
from egoactgen_bench.stages.run.run_journal import RunJournal
from egoactgen_bench.stages.run.run_options import RunOptions
from egoactgen_bench.support import kept_hashes, provenance
from egoactgen_bench.support.files import sha256_bytes
from egoactgen_bench.support.images import read_rgb, write_png
from egoactgen_bench.support.seeds import derive_seed
from egoactgen_bench.support.sharding import ProcessShard

Sample = dict[str, Any]  # a row of a samples.csv
SAMPLE_COLUMNS = ("sample_id", "input_frame", "action")  # of the split
TIME_COLUMNS = ("t_input", "t_target")  # only for methods that ask for them


@dataclass(frozen=True)
class RunJob:
    """The inputs, method and folder of a run, with all options resolved."""

    split: Split
    method: Method[Any]
    columns: dict[str, list[Any]]  # of the samples, in split order
    descriptions: dict[str, str]
    passed: dict[str, Any]
    shard: ProcessShard
    journal: RunJournal
    toy_weights: bool  # whether they affect the images of a split that is not of a toy data set
    keep_going: bool = False

    @property
    def plan(self) -> dict[str, Any]:
        """Everything that affects the images, as recorded in run.json."""
        return self.journal.plan

    @property
    def work(self) -> BatchWork:
        """This process's part of the batches."""
        batches = self.journal.batches
        return BatchWork(
            self.shard,
            batches.batches,
            batches.folder,
            batches.holds,
            lambda: self.journal.finished,
            lambda batch: len(range(self.count)[self._places(batch)]),
            "image",
        )

    @property
    def count(self) -> int:
        """The number of samples."""
        return len(self.columns["sample_id"])

    def batch(self, number: int) -> list[Sample]:
        """The samples of one batch."""
        # Made when they are needed: dictionaries of all samples would take more than the columns.
        places = self._places(number)
        cells = zip(*(column[places] for column in self.columns.values()), strict=True)
        return [dict(zip(self.columns, row, strict=True)) for row in cells]

    def _places(self, batch: int) -> slice:
        size = self.plan["batch_size"]
        return slice(batch * size, (batch + 1) * size)


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
    """Generate a method's images for a split in `folder`, or resume an earlier call.

    `settings` and `choices` are fields of `RunOptions`; `choices` override `settings`.
    With shards, the last one to finish completes the run; the others return only their samples,
    with a manifest without counts.
    """
    return execute(prepare(method, split, folder, settings, **choices), overwrite, progress)


def prepare(
    method: str, split: Split, folder: Path, settings: RunOptions | None = None, **choices: Any
) -> RunJob:
    """Resolve the options of a run. Raises `BenchError` for invalid ones.

    `settings` and `choices` are fields of `RunOptions`; `choices` override `settings`.
    """
    split.require_frames()
    resolved = chosen(RunOptions, settings, choices, "run")
    kept_hashes.keep_in(resolved.cache)
    shard = ProcessShard.of_process(resolved.shard)
    texts = (
        load_descriptions(split.folder, resolved.descriptions) if resolved.descriptions else None
    )
    dataset = split.manifest.dataset
    built = method_factory.build(
        method,
        resolved.options,
        weights=resolved.weights,
        context=MethodContext(
            device=resolved.device,
            dtype=resolved.dtype,
            described=texts is not None,
            models=resolved.models,
            cache=resolved.cache,
            licence=licence_of(split.manifest),
            allow_upload=resolved.allow_upload,
            sample_ids=list(split.samples["sample_id"][: resolved.limit]),
        ),
        dataset=dataset,
        local_rank=shard.local_rank,
    )
    timed = bool(call(built, "uses_target_time"))
    needed = split.samples[[*SAMPLE_COLUMNS, *(TIME_COLUMNS if timed else ())]]
    columns = {str(name): needed[name][: resolved.limit].tolist() for name in needed}
    count = len(columns["sample_id"])
    size = resolved.batch_size or built.default_batch_size
    plan = {
        "method": _without_folders(method, built.context.argument),
        "options": {"resolved": method_factory.semantic_options(built)},
        "seed": resolved.seed,
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "descriptions": texts and texts.name,
        "descriptions_sha256": texts and texts.sha256,
        "weights": provenance.hashes(method_factory.weight_files(built)),
        "sources": method_factory.sources(built),
        "dtype": built.context.dtype,
        # Part of the plan, as other kernels round differently and may change pixels by one level.
        "batch_size": size,
        # A limit that excludes no sample gives the same run as none.
        "limit": resolved.limit if count < len(split.samples) else None,
        "target_time": timed,
        "call": call(built, "call_record"),
    }
    journal = RunJournal(folder, plan, batches=-(-count // size))
    toy = method_factory.uses_toy_weights(built, dataset) or bool(texts and texts.toy_weights)
    described = texts.texts if texts else {}
    passed = method_factory.without_secrets(built, resolved.options)
    split = replace(split, samples=needed)  # the other columns need not stay in memory
    return RunJob(
        split, built, columns, described, passed, shard, journal, toy, resolved.keep_going
    )


def _without_folders(method: str, argument: str | None) -> str:
    """`images:/data/mine` → `images:mine`, as records contain no paths of this machine."""
    if argument is None:
        return method
    return f"{method.partition(':')[0]}:{Path(argument).resolve().name}"


def execute(job: RunJob, overwrite: bool = False, progress: bool = False) -> Run:
    """Generate this process's batches, and complete the run if no batch is missing then."""
    journal, work = job.journal, job.work
    journal.begin(overwrite, work.own)
    if not journal.finished:
        _generate(job, progress)
    facts = {
        "versions": provenance.versions(job.method.packages),
        "toy_weights": job.toy_weights,
        "reproducible_by_seed": job.method.reproducible,
    }

    def complete(recorded: list[dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = call(job.method, "run_record", recorded)
        return found | facts

    return journal.assemble(job.passed, complete) or journal.partial(work.own)


def _generate(job: RunJob, progress: bool) -> None:
    device = provenance.device_name(job.method.context.device)
    facts: dict[int, dict[str, Any]] = {}  # about each batch

    def record(batch: int, rows: list[Sample]) -> None:
        job.journal.batches.record(batch, rows, device=device, **facts.pop(batch))

    missing = job.work.missing
    whole = len(missing) == job.journal.batches.batches
    first = FirstFailures(job.plan["method"], whole, record)
    if job.keep_going or not job.method.stops_early:
        first.end()

    def generate(batch: int) -> None:
        start = time.perf_counter()
        rows, not_asked = _generate_batch(job, job.batch(batch))
        seconds = time.perf_counter() - start
        facts[batch] = {"seconds": seconds, "recorded": call(job.method, "batch_record")}
        first.add(batch, rows, not_asked)
        if batch == missing[-1]:
            first.finish()

    job.work.run(generate, progress, lambda: call(job.method, "load"))


def _generate_batch(job: RunJob, samples: list[Sample]) -> tuple[list[Sample], frozenset[str]]:
    """Generate one batch and write its images.

    Returns its rows of samples.csv, and the ids of samples whose input frame cannot be read.
    """
    # Threads, as reading and writing PNG takes longer than a fast method and releases the GIL.
    with ThreadPoolExecutor() as threads:
        requests = list(threads.map(partial(_request, job), samples))
        outputs = answers.ask(job.method, requests)
        ids = [sample["sample_id"] for sample in samples]
        rows = list(threads.map(partial(_row, job), ids, outputs))
    pairs = zip(ids, requests, strict=True)
    return rows, frozenset(each for each, request in pairs if isinstance(request, SampleError))


def _request(job: RunJob, sample: Sample) -> Request | SampleError:
    sample_id, frame = sample["sample_id"], sample["input_frame"]
    try:
        image = read_rgb(job.split.frame_path(frame))
    except SampleError as error:
        return SampleError(error.code, f"input frame {frame}")
    # From the id instead of the position, so that a sample's noise does not depend on the limit,
    # the order or the shard.
    seed = derive_seed(job.plan["seed"], sample_id)
    described = job.descriptions.get(sample_id)
    return Request(sample_id, image, sample["action"], described, seed, _target_offset(sample))


def _target_offset(sample: Sample) -> float | None:
    """t_target − t_input in seconds; None unless the method asks for it."""
    return sample["t_target"] - sample["t_input"] if "t_target" in sample else None


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
