"""The other processes of a launcher (torchrun, accelerate): connecting to them, and losing one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

from egoactgen_bench.support.sharding import ProcessShard

_numbers = count()  # of this process's groups; the same in all processes
# One process may have much more to do than another. A process that ends is noticed at once, as its
# connections are closed.
LONGEST_WAIT = timedelta(days=30)
LOST = (
    "Another process of this command has ended or cannot be reached (its own output says why). "
    "Start the same command again: it resumes."
)


@contextmanager
def process_group(shard: ProcessShard) -> Iterator[Any]:
    """Yield a group of all processes for objects in the CPU's memory; None for a single process.

    Enter it before the long work that the group waits for: who ends before it has connected is
    noticed only after gloo's 30 minutes.
    """
    if shard.ranks == 1:
        yield None
        return
    from torch import distributed
    from torch.distributed import PrefixStore, rendezvous  # type: ignore[attr-defined]

    ours = not distributed.is_initialized()
    if ours:
        # A store of its own: in the launcher's, a later group of the same processes (another call,
        # a training) would find the addresses of this one.
        store, rank, ranks = next(rendezvous("env://"))
        store = PrefixStore(f"egoactgen-{next(_numbers)}", store)
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=ranks)
    try:
        yield distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)
    finally:
        if ours:
            distributed.destroy_process_group()


def is_lost_connection(error: BaseException) -> bool:
    """Whether PyTorch raised this error as another process could not be reached."""
    # `torch.distributed`'s own errors, and those of gloo's C++ code, which are plain RuntimeErrors.
    named = {f"Dist{kind}Error" for kind in ("Backend", "Network", "Store")}
    if type(error).__name__ in named and type(error).__module__.startswith("torch"):
        return True
    return isinstance(error, RuntimeError) and "gloo/transport/" in str(error)
