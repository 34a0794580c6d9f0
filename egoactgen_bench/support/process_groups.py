"""The other processes of a launcher (torchrun, accelerate): connecting to them, and losing one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any, TypeVar

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.sharding import ProcessShard

_numbers = count()  # of this process's groups; the same in all processes
CONNECTING = timedelta(minutes=10)
# One process may have much more to do than another. A process that ends is noticed at once, as its
# connections are closed.
LONGEST_WAIT = timedelta(days=30)
LOST = (
    "Another process of this command has ended or cannot be reached (its own output says why). "
    "Start the same command again: it resumes."
)
T = TypeVar("T")


class Processes:
    """All processes of a command, connected through the CPUs' memory; alone without a launcher."""

    def __init__(self, shard: ProcessShard, group: Any = None) -> None:
        self.shard = shard
        self._group = group

    def gather(self, own: T) -> list[T] | None:
        """What all processes pass, by rank; None in all but the first."""
        if self.shard.ranks == 1:
            return [own]
        from torch import distributed

        found: list[Any] | None = [None] * self.shard.ranks if self.shard.rank == 0 else None
        distributed.gather_object(own, found, group=self._group)
        return found

    def wait(self) -> None:
        """Return when all processes have called this."""
        if self.shard.ranks > 1:
            from torch import distributed

            distributed.barrier(group=self._group)

    def disconnect(self) -> None:
        """Close the connections, by which the others notice."""
        from torch import distributed

        group, self._group = self._group, None
        distributed.destroy_process_group(group)


@contextmanager
def connected(shard: ProcessShard) -> Iterator[Processes]:
    """The processes of the launcher, which leave this block together.

    If one fails within it or is killed, the others raise `BenchError` when they next exchange
    something with it. Enter it before anything that may fail in one process only.
    """
    if shard.ranks == 1:
        yield Processes(shard)
        return
    from torch import distributed

    try:
        with _default_group(shard):
            group = distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)
            processes = Processes(shard, group)
            del group  # whose connections are closed when nothing refers to it
            try:
                processes.wait()  # one that fails must not leave while others are connecting
                yield processes
                processes.wait()
            finally:
                processes.disconnect()
    except Exception as error:
        if is_lost_connection(error):
            raise BenchError(LOST) from error
        raise


@contextmanager
def _default_group(shard: ProcessShard) -> Iterator[None]:
    """A default group of all processes, if there is none yet."""
    from torch import distributed
    from torch.distributed import PrefixStore  # type: ignore[attr-defined]

    if distributed.is_initialized():
        yield
        return
    # A part of its own: a later group of the same processes (another call, a training) would find
    # the addresses of this one.
    store = PrefixStore(f"egoactgen-{next(_numbers)}", _store())
    distributed.init_process_group(
        "gloo", store=store, rank=shard.rank, world_size=shard.ranks, timeout=CONNECTING
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()


@cache
def _store() -> Any:
    """The launcher's key-value store, or without one that of rank 0.

    Kept for the life of the process: others may still read from it when this one has left a group.
    """
    from torch.distributed import rendezvous  # type: ignore[attr-defined]

    return next(rendezvous("env://", timeout=CONNECTING))[0]


def is_lost_connection(error: BaseException) -> bool:
    """Whether PyTorch raised this error as another process could not be reached."""
    # `torch.distributed`'s own errors, and those of gloo's C++ code, which are plain RuntimeErrors.
    named = {f"Dist{kind}Error" for kind in ("Backend", "Network", "Store")}
    if type(error).__name__ in named and type(error).__module__.startswith("torch"):
        return True
    return isinstance(error, RuntimeError) and "gloo/transport/" in str(error)
