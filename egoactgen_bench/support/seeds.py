"""Random streams: each depends on the run's seed, the sample's id and a stream name alone."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *names: str) -> int:
    """A seed in [0, 2**63) for the stream that `names` (a sample id, a purpose …) spell out."""
    # A separator that no name contains: ("a", "bc") and ("ab", "c") are different streams.
    text = "\x1f".join([str(seed), *names])
    # Not Python's hash(), which differs from process to process. 63 bits fit the int64 columns of
    # tables.
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def torch_generator(seed: int) -> "torch.Generator":
    """A CPU generator: noise drawn on the CPU is the same whatever device runs the model."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """For code that draws from PyTorch's own generators: they are seeded, and as before after."""
    import torch

    # Forking all devices, the default, would initialise CUDA on each of them.
    with torch.random.fork_rng([device] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield
