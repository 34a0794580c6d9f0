"""Batches that are made ahead of their use: by worker processes, or in a thread of this process.

A batch depends only on its draws, so that any number of workers makes the same ones.
"""

import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.worker_processes import spawning

Batch = dict[str, Tensor]
Draws = Sequence[SampleDraw]
MakeBatch = Callable[[Draws], Batch]

AHEAD = 2  # micro-batches per worker that wait for their use
MOST_WORKERS = 8


def worker_count(chosen: int | None, device: str) -> int:
    """The number of workers: by default none on the CPU, and at most 8 per GPU."""
    if chosen is not None:
        return chosen
    if not device.startswith("cuda"):
        return 0  # the networks occupy all cores
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")), MOST_WORKERS)


def in_workers(
    make: MakeBatch, draws: Iterable[Draws], workers: int, pinned: bool
) -> Iterator[Batch]:
    """`make(each)` of the draws in order, in `workers` processes; `make` must be picklable.

    `pinned` batches are in memory from which a GPU copies while it computes. Raises the
    `BenchError` of a batch that cannot be made.
    """
    loader = DataLoader(
        _Batches(make),
        batch_size=None,
        sampler=draws,
        num_workers=workers,
        collate_fn=_unchanged,
        prefetch_factor=AHEAD,
        pin_memory=pinned,
        multiprocessing_context=spawning(),
    )
    try:
        for made in loader:
            if isinstance(made, BenchError):
                raise made
            yield made
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise BenchError(
            "A process that reads the training samples has ended: with too little shared memory "
            "(df /dev/shm; docker run --shm-size), give -o workers=0 or a smaller -o micro_batch."
        ) from error


def in_thread(make: MakeBatch, draws: Iterable[Draws], pinned: bool) -> Iterator[Batch]:
    """`make(each)` in order, each computed in a thread while the previous one is used."""

    def made(each: Draws) -> Batch:
        batch = make(each)
        return {key: t.pin_memory() for key, t in batch.items()} if pinned else batch

    with ThreadPoolExecutor(1) as thread:
        waiting = None
        for each in draws:
            done, waiting = waiting, thread.submit(made, each)
            if done is not None:
                yield done.result()
        if waiting is not None:
            yield waiting.result()


class _Batches(Dataset[Any]):
    """The batch of each list of draws; the error, if it is a `BenchError`."""

    # The loader would raise the error of another process with its traceback as the message.

    def __init__(self, make: MakeBatch) -> None:
        self._pickled = pickle.dumps(make)  # once, not for each worker
        self._make: MakeBatch | None = None

    def __getitem__(self, draws: Draws) -> Batch | BenchError:
        try:
            if self._make is None:
                self._make = pickle.loads(self._pickled)
            return self._make(draws)
        except BenchError as error:
            return error


def _unchanged(batch: Any) -> Any:
    return batch
