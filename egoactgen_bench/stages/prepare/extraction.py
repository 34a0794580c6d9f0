"""The frames of a split: read, scaled, stored as PNG and hashed, several videos at a time.

One job is one video. What a job has stored it notes in a journal, line by line, so that a killed
command goes on where it was.
"""

import json
import multiprocessing
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

from egoactgen_bench.api.records import FrameSource
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.stages.prepare.source_pictures import Found, PictureReader
from egoactgen_bench.support import images
from egoactgen_bench.support.files import sha256_bytes, write_bytes

ROLES = ("input", "target")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One sample and where its two frames are."""

    sample_id: str
    input: FrameSource
    target: FrameSource


@dataclass(frozen=True, slots=True)
class Stored:
    """One sample whose two frames are on disk; `width` and `height` are the source's."""

    sample_id: str
    input_sha256: str
    target_sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Failed:
    """One sample that has no frames, with a stable reason code."""

    sample_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a job opened and read to the end, given after its samples."""

    files: int = 0
    bytes: int = 0


ExtractionResult = Stored | Failed | Read


@dataclass(frozen=True, slots=True)
class ExtractionJob:
    """The samples of one video. `height` None keeps frames at their size."""

    wanted: tuple[Wanted, ...]
    folder: Path
    journal: Path
    height: int | None


@dataclass(frozen=True, slots=True)
class _Frame:
    png: bytes
    sha256: str
    source_size: tuple[int, int]


def frame_name(sample_id: str, role: str) -> str:
    """Where a frame lies, relative to the split's folder."""
    return f"frames/{sample_id}/{role}.png"


def extract_all(jobs: Sequence[ExtractionJob], workers: int) -> Iterator[ExtractionResult]:
    """Run all jobs, up to `workers` at a time in processes of their own; 1 runs them here.

    The order of what comes back depends on `workers`; what comes back and what is stored does not.
    """
    if min(workers, len(jobs)) <= 1:
        for job in jobs:
            yield from extract(job)
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)),
        # Not "fork", which copies locks that FFmpeg's threads may hold at that moment, and hangs.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_end_with_parent,
    )
    try:
        for future in as_completed([pool.submit(_extract_whole, job) for job in jobs]):
            yield from future.result()
    except BrokenProcessPool:
        raise BenchError(
            "A worker died while decoding (out of memory, or a crash in a decoder): run the same "
            "command again to go on, with --workers 1 to see at which video."
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            # A worker in the middle of a video does not see that its future was cancelled.
            child.terminate()


def extract(job: ExtractionJob) -> Iterator[ExtractionResult]:
    """Store the frames of one video; a sample is stored whole or not at all."""
    places: dict[FrameSource, list[tuple[str, str]]] = defaultdict(list)
    for wanted in job.wanted:
        places[wanted.input].append((wanted.sample_id, "input"))
        places[wanted.target].append((wanted.sample_id, "target"))
    halves: dict[str, dict[str, _Frame | SampleError]] = defaultdict(dict)
    reader = PictureReader()
    with job.journal.open("a", encoding="utf-8") as journal:
        for source, found in reader.read(places):
            frame = _encode(found, job.height)
            for sample_id, role in places[source]:
                halves[sample_id][role] = frame
                if len(halves[sample_id]) == len(ROLES):
                    outcome = _store(job.folder, sample_id, halves.pop(sample_id))
                    if isinstance(outcome, Stored):
                        # The newline comes first, so that a torn last line stays alone.
                        journal.write("\n" + json.dumps(asdict(outcome)))
                        journal.flush()
                    yield outcome
    yield Read(reader.files, reader.bytes)


def read_journals(folder: Path) -> Iterator[Stored]:
    """What earlier calls noted as stored; a line torn by a kill is left out."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                yield Stored(**json.loads(line))
            except (json.JSONDecodeError, TypeError):
                continue


def _encode(found: Found, height: int | None) -> _Frame | SampleError:
    if isinstance(found, SampleError):
        return found
    size = found.size
    if height is not None:
        found = images.resize(found, images.frame_size(*size, height))
    png = images.png_bytes(found)
    return _Frame(png, sha256_bytes(png), size)


def _store(
    folder: Path, sample_id: str, halves: dict[str, _Frame | SampleError]
) -> Stored | Failed:
    frames: dict[str, _Frame] = {}
    for role in ROLES:
        half = halves[role]
        if isinstance(half, SampleError):
            at_edge = half.code in ("after_end", "before_start")
            return Failed(sample_id, f"{role}_{half.code}" if at_edge else half.code, half.detail)
        frames[role] = half
    for role, frame in frames.items():
        write_bytes(folder / frame_name(sample_id, role), frame.png)
    first, last = frames["input"], frames["target"]
    return Stored(sample_id, first.sha256, last.sha256, *first.source_size)


def _extract_whole(job: ExtractionJob) -> list[ExtractionResult]:
    return list(extract(job))


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()
