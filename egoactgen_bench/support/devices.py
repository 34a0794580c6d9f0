"""The device and dtype of networks, and the number of worker processes."""

import os

from egoactgen_bench.errors import BenchError, did_you_mean

DTYPES = ("float32", "float16", "bfloat16")
AUTO = "auto"


def check_dtype(name: str) -> None:
    """Raise `BenchError` unless `name` is one of `DTYPES`."""
    if name not in DTYPES:
        raise BenchError(f"Unknown dtype '{name}'.{did_you_mean(name, DTYPES)}")


def resolve_device(name: str = "auto", local_rank: int = 0) -> str:
    """Resolve `auto` to this process's CUDA device if available, else `cpu`; check other names."""
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BenchError(f"Unknown device '{name}': use auto, cpu, cuda or cuda:0 … .") from None
    if device.type == "cuda":
        count = torch.cuda.device_count()
        # With more processes than devices, they are assigned round robin.
        number = local_rank % max(count, 1) if device.index is None else device.index
        if number >= count:
            raise BenchError(f"Device {name} was not found: PyTorch has {count} CUDA devices.")
        return f"cuda:{number}"
    return str(device)


def free_bytes(device: str) -> int:
    """The free memory of a CUDA device."""
    import torch

    return int(torch.cuda.mem_get_info(device)[0])


def default_workers() -> int:
    """The number of CPUs available to this process (few in a container), at most 16."""
    affinity = getattr(os, "sched_getaffinity", None)
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, 16)
