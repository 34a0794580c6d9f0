"""Which device and number format a network runs in, and how many processes decode videos."""

import os

from egoactgen_bench.errors import BenchError, did_you_mean

DTYPES = ("float32", "float16", "bfloat16")


def check_dtype(name: str) -> None:
    """Refuse a number format that is not one of `DTYPES`."""
    if name not in DTYPES:
        raise BenchError(f"Unknown dtype '{name}'.{did_you_mean(name, DTYPES)}")


def resolve_device(name: str = "auto", local_rank: int = 0) -> str:
    """`auto` → the process's own CUDA device where there is one, else `cpu`; others are checked."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BenchError(f"Unknown device '{name}': use auto, cpu, cuda or cuda:0 … .") from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        # More processes than devices share them in turn.
        number = local_rank % max(count, 1) if device.index is None else device.index
        if number >= count:
            raise BenchError(f"Device {name} is not there: PyTorch finds {count} CUDA devices.")
        return f"cuda:{number}"
    return str(device)


def default_workers() -> int:
    """The number of CPUs that this process may use (in a container, few), at most 16."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, 16)
