"""Pools of worker processes that never run the program's main module, and never outlive it."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

from egoactgen_bench.errors import BenchError


@contextmanager
def worker_pool(
    workers: int, died: str, prepare: Callable[..., None] | None = None, *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """A pool of `workers` processes, for functions and arguments of importable modules only.

    Each process first calls `prepare(*arguments)`. At the end of the block the processes are ended,
    whatever they are doing; if this process is killed, they end, too. If one of them dies, raises
    `BenchError` with the sentence `died`.
    """
    # Not "fork": it copies locks that threads of FFmpeg may hold at that moment, and hangs.
    context = _Context()
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(prepare, arguments)
    )
    try:
        yield pool
    except BrokenProcessPool:
        raise BenchError(died) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in context.started:
            if worker.is_alive():  # cancelling its future does not stop one that has begun
                worker.terminate()
                worker.join()


class _Worker(SpawnProcess):
    """A spawned process that does not import the main module."""

    def start(self) -> None:
        # What a spawned process does first is to run the file of `__main__` again. A script without
        # `if __name__ == "__main__"` would start over in every worker, one read from stdin has no
        # file, and our jobs need neither.
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            with _interrupts_blocked():
                super().start()
        finally:
            sys.modules["__main__"] = main


class _Context(SpawnContext):
    def __init__(self) -> None:
        self.started: list[_Worker] = []

    def Process(self, *args: Any, **given: Any) -> _Worker:  # type: ignore[override] # noqa: N802
        worker = _Worker(*args, **given)
        self.started.append(worker)
        return worker


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread, and in a process that it starts, from its first moment.

    Ctrl-C reaches all processes, and one that is still importing would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)  # one that came meanwhile is raised


def _begin(prepare: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that then ends this
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if prepare is not None:
        prepare(*arguments)


def _end_with_parent() -> None:
    """Exit when the parent process does; a worker whose parent was killed would wait forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
