"""The number formats in which a device trains: 16-bit activations, and TF32 for the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Precision = Literal["auto", "float32", "bfloat16", "float16"]

# CUDA's compute capabilities: Ampere (A100, RTX 30) has bfloat16 and TF32; Volta and Turing (V100,
# T4, RTX 20) have fast units for float16 only.
AMPERE, VOLTA = (8, 0), (7, 0)


def capability(device: str) -> tuple[int, int] | None:
    """The compute capability of a CUDA device; None for other devices."""
    return torch.cuda.get_device_capability(device) if device.startswith("cuda") else None


def choose(precision: Precision, found: tuple[int, int] | None) -> Precision:
    """`auto` for a device of this compute capability: the fastest format with a wide range."""
    if precision != "auto":
        return precision
    if found is None or found < VOLTA:
        return "float32"
    return "bfloat16" if found >= AMPERE else "float16"


@contextmanager
def tensor_float32(wanted: bool) -> Iterator[None]:
    """Within this block, if `wanted`, GPUs round inputs of float32 products to TF32 (10 bits).

    GPUs without TF32 ignore it, and so does the CPU.
    """
    if not wanted:
        yield
        return
    backends: Any = torch.backends  # its stubs lack `conv`
    places = (backends.cuda.matmul, backends.cudnn.conv)
    earlier = [place.fp32_precision for place in places]
    try:
        for place in places:
            place.fp32_precision = "tf32"
        yield
    finally:
        for place, value in zip(places, earlier, strict=True):
            place.fp32_precision = value
