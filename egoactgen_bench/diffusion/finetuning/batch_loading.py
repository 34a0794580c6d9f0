"""Batches that are made ahead of their use: by worker processes, or in a thread of this process.

A batch depends only on its draws, so that any number of workers makes the same ones.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import torch
from torch import Tensor

from egoactgen_bench.diffusion.finetuning.sample_draws import SampleDraw
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.worker_processes import worker_pool

Batch = dict[str, Tensor]
Draws = Sequence[SampleDraw]
MakeBatch = Callable[[Draws], Batch]

AHEAD = 2  # micro-batches per worker that wait for their use
MOST_WORKERS = 8
NOT_LOADED = (
    "A process that reads the training samples has ended: with too little shared memory "
    "(df /dev/shm; docker run --shm-size), give -o workers=0 or a smaller -o micro_batch."
)

_of_worker: list[MakeBatch] = []  # in a worker, its function


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

    `pinned` batches are in memory from which a GPU copies while it computes. Raises the error of a
    batch that cannot be made, and `BenchError` if a process ends.
    """
    # Not PyTorch's DataLoader: the death of its worker is one of many errors, anywhere in the main
    # thread, and an error of a worker has its traceback as message.
    try:
        with (
            ThreadPoolExecutor(1) as thread,
            worker_pool(workers, NOT_LOADED, _prepare, make) as pool,
        ):

            def submit(each: Draws) -> Future[Batch]:
                return thread.submit(_received, pool.submit(_in_worker, each), pinned)

            yield from _ahead(submit, draws, workers * AHEAD)
    except RuntimeError as error:
        # Without shared memory the process ends as it writes to it, or PyTorch raises this.
        if "shared memory" not in str(error):
            raise
        raise BenchError(NOT_LOADED) from error


def in_thread(make: MakeBatch, draws: Iterable[Draws], pinned: bool) -> Iterator[Batch]:
    """`make(each)` in order, each computed in a thread while the previous one is used."""
    with ThreadPoolExecutor(1) as thread:
        yield from _ahead(lambda each: thread.submit(_made, make, each, pinned), draws, 1)


def _ahead(
    submit: Callable[[Draws], Future[Batch]], draws: Iterable[Draws], count: int
) -> Iterator[Batch]:
    """The batches in order, of which up to `count` are made ahead."""
    each = iter(draws)
    waiting = deque(map(submit, islice(each, count)))
    while waiting:
        batch = waiting.popleft().result()
        waiting.extend(map(submit, islice(each, 1)))
        yield batch


def _made(make: MakeBatch, draws: Draws, pinned: bool) -> Batch:
    return _placed(make(draws), pinned)


def _received(made: Future[Batch], pinned: bool) -> Batch:
    return _placed(made.result(), pinned)


def _placed(batch: Batch, pinned: bool) -> Batch:
    return {key: tensor.pin_memory() for key, tensor in batch.items()} if pinned else batch


def _prepare(make: MakeBatch) -> None:
    torch.set_num_threads(1)  # the workers share the cores
    _of_worker.append(make)


def _in_worker(draws: Draws) -> Batch:
    return _of_worker[0](draws)
