"""Extracts the frames of a split: they are read, resized, stored as PNG and hashed.

Each video is one job, and several jobs run at a time. A job records each stored sample as a line in
a journal, from which a killed command resumes.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path

from egoactgen_bench.api.records import FrameSource
from egoactgen_bench.errors import SampleError
from egoactgen_bench.stages.prepare.sample_filters import (
    NO_FILTERS,
    FrameTraits,
    SampleFilters,
    sharpness,
)
from egoactgen_bench.stages.prepare.source_frames import FrameReader, ReadResult
from egoactgen_bench.support import images
from egoactgen_bench.support.files import sha256_bytes, write_bytes
from egoactgen_bench.support.regular_files import append_regular, read_regular
from egoactgen_bench.support.worker_processes import worker_pool

JOURNAL = ".partial"  # the folder of the journals, in the split's folder
ROLES = ("input", "target")

Places = dict[FrameSource, list[tuple[str, str]]]  # source → (sample id, role) of each use


@dataclass(frozen=True, slots=True)
class SampleSources:
    """One sample and the sources of its two frames."""

    sample_id: str
    input: FrameSource
    target: FrameSource


@dataclass(frozen=True, slots=True)
class Stored:
    """One sample whose two frames are on disk; `width` and `height` are those of the source."""

    sample_id: str
    input_sha256: str
    target_sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Failed:
    """One sample without frames, with a stable reason code."""

    sample_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ReadTotals:
    """The files opened and bytes read by a job, given after its samples."""

    files: int = 0
    bytes: int = 0


ExtractionResult = Stored | Failed | ReadTotals


@dataclass(frozen=True, slots=True)
class ExtractionJob:
    """The samples of one video; `height` None keeps the frames' size."""

    samples: tuple[SampleSources, ...]
    folder: Path
    journal: Path
    height: int | None
    filters: SampleFilters = NO_FILTERS


@dataclass(frozen=True, slots=True)
class _Frame:
    png: bytes
    sha256: str
    source_size: tuple[int, int]
    traits: FrameTraits


@dataclass(slots=True)
class _Pending:
    """A sample whose frames, and with filters their neighbours, are being read; `left` are not."""

    left: int = 0
    frames: dict[str, _Frame | SampleError] = field(default_factory=dict)
    around: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def frame_name(sample_id: str, role: str) -> str:
    """The path of a frame, relative to the split's folder."""
    return f"frames/{sample_id}/{role}.png"


def extract_all(jobs: Sequence[ExtractionJob], workers: int) -> Iterator[ExtractionResult]:
    """Run all jobs in up to `workers` processes; 1 runs them in this process.

    Only the order of the results depends on `workers`.
    """
    if min(workers, len(jobs)) <= 1:
        for job in jobs:
            yield from extract(job)
        return
    died = (
        "A worker process died while decoding (out of memory, or a crash in a decoder): run "
        "the same command again to resume, with --workers 1 to see at which video it fails."
    )
    with worker_pool(min(workers, len(jobs)), died) as pool:
        for future in as_completed([pool.submit(_extract_whole, job) for job in jobs]):
            yield from future.result()


def extract(job: ExtractionJob) -> Iterator[ExtractionResult]:
    """Store the frames of one video; of each sample both or neither."""
    frames, neighbours = _wanted(job)
    pending: dict[str, _Pending] = defaultdict(_Pending)
    for sample_id, _ in chain.from_iterable([*frames.values(), *neighbours.values()]):
        pending[sample_id].left += 1
    reader = FrameReader()
    with append_regular(job.journal) as journal:
        for source, found in reader.read([*frames, *neighbours]):
            if not isinstance(found, SampleError):
                for sample_id, role in neighbours.get(source, ()):
                    pending[sample_id].around[role].append(sharpness(found))
            if source in frames:
                frame = _encode(found, job, source.path.name)
                for sample_id, role in frames[source]:
                    pending[sample_id].frames[role] = frame
            for sample_id, _ in [*frames.get(source, ()), *neighbours.get(source, ())]:
                pending[sample_id].left -= 1
                if not pending[sample_id].left:
                    outcome = _store(job, sample_id, pending.pop(sample_id))
                    if isinstance(outcome, Stored):
                        # The newline comes first, so that a truncated last line stays separate.
                        journal.write(f"\n{json.dumps(asdict(outcome))}".encode())
                        journal.flush()
                    yield outcome
    yield ReadTotals(reader.files, reader.bytes)


def _wanted(job: ExtractionJob) -> tuple[Places, Places]:
    """The sources of the frames, and of those that they are compared with, with their samples."""
    frames: Places = defaultdict(list)
    neighbours: Places = defaultdict(list)
    for sample in job.samples:
        for role, source in zip(ROLES, (sample.input, sample.target), strict=True):
            frames[source].append((sample.sample_id, role))
            for neighbour in job.filters.neighbours(source):
                neighbours[neighbour].append((sample.sample_id, role))
    return frames, neighbours


def read_journals(folder: Path) -> Iterator[Stored]:
    """The samples that earlier calls recorded as stored; truncated lines are skipped."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in read_regular(path).splitlines():
            try:
                yield Stored(**json.loads(line))
            except (ValueError, TypeError, RecursionError):
                continue


def _encode(found: ReadResult, job: ExtractionJob, name: str) -> _Frame | SampleError:
    if isinstance(found, SampleError):
        return found
    size, source = found.size, found
    if job.height is not None:
        width, height = images.frame_size(*size, job.height)
        if not 0 < width * height <= images.MOST_PIXELS:
            # A damaged header may state any shape.
            shape = f"{size[0]} × {size[1]} pixels cannot be resized to a height of {height}"
            return SampleError("unsupported_image", f"{name}: {shape}")
        found = images.resize(found, (width, height))
    png = images.png_bytes(found)
    return _Frame(png, sha256_bytes(png), size, job.filters.traits(source))


def _store(job: ExtractionJob, sample_id: str, parts: _Pending) -> Stored | Failed:
    frames: dict[str, _Frame] = {}
    for role in ROLES:
        half = parts.frames[role]
        if isinstance(half, SampleError):
            at_edge = half.code in ("after_end", "before_start")
            return Failed(sample_id, f"{role}_{half.code}" if at_edge else half.code, half.detail)
        frames[role] = half
    try:
        job.filters.check({role: frame.traits for role, frame in frames.items()}, parts.around)
    except SampleError as error:
        return Failed(sample_id, error.code, error.detail)
    for role, frame in frames.items():
        write_bytes(job.folder / frame_name(sample_id, role), frame.png)
    first, last = frames["input"], frames["target"]
    return Stored(sample_id, first.sha256, last.sha256, *first.source_size)


def _extract_whole(job: ExtractionJob) -> list[ExtractionResult]:
    return list(extract(job))
