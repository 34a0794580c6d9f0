"""Random streams that depend only on the run's seed, the sample's id and the stream's name."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, *names: str) -> int:
    """A seed in [0, 2**63) for the stream with these `names` (a sample id, a purpose …)."""
    # A separator that does not occur in names, so that ("a", "bc") and ("ab", "c") differ.
    text = "\x1f".join([str(seed), *names])
    # Not Python's hash(), which differs between processes. 63 bits fit into int64 columns of
    # tables.
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def torch_generator(seed: int) -> "torch.Generator":
    """A CPU generator, so that noise does not depend on the device of the model."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed PyTorch's global generators, for code that uses them, and restore them on exit."""
    import torch

    # The default, all devices, would initialise CUDA on each of them.
    with torch.random.fork_rng([device] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield
