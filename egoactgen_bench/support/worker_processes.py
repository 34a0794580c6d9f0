"""Pools of worker processes that never run the program's main module."""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, ClassVar
from unittest.mock import patch


class _Worker(SpawnProcess):
    """A spawned process that does not import the main module."""

    def start(self) -> None:
        # What a spawned process does first is to run the file of `__main__` again. A script without
        # `if __name__ == "__main__"` would start over in every worker, one read from stdin has no
        # file, and our jobs need neither.
        with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            super().start()


class _Context(SpawnContext):
    Process: ClassVar[Any] = _Worker


def spawning() -> SpawnContext:
    """The context for processes that run functions of importable modules only."""
    return _Context()


def worker_pool(workers: int, **settings: Any) -> ProcessPoolExecutor:
    """A pool of `workers` processes, for functions and arguments of importable modules only.

    `settings` are further arguments of `ProcessPoolExecutor`.
    """
    # Not "fork": it copies locks that threads of FFmpeg may hold at that moment, and hangs.
    return ProcessPoolExecutor(workers, mp_context=spawning(), **settings)
