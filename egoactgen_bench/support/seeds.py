"""Random streams that depend only on the run's seed, the sample's id and the stream's name."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


def derive_seed(seed: int, *names: str) -> int:
    """A seed in [0, 2**63) for the stream with these `names` (a sample id, a purpose …)."""
    # Not Python's hash(), which differs between processes. 63 bits fit into int64 columns of
    # tables.
    return int.from_bytes(hashlib.sha256(_text(seed, names)).digest()[:8], "little") >> 1


def derive_seeds(seed: int, *names: str, last: Iterable[str]) -> "NDArray[np.int64]":
    """`derive_seed(seed, *names, name)` of each name in `last`, in a third of the time."""
    import numpy as np

    sha256, before = hashlib.sha256, _text(seed, (*names, ""))
    digests = b"".join([sha256(before + name.encode()).digest()[:8] for name in last])
    return (np.frombuffer(digests, "<u8") >> np.uint64(1)).astype(np.int64)


def _text(seed: int, names: Iterable[str]) -> bytes:
    # A separator that does not occur in names, so that ("a", "bc") and ("ab", "c") differ.
    return "\x1f".join([str(seed), *names]).encode()


def torch_generator(seed: int, device: str = "cpu") -> "torch.Generator":
    """A generator on the CPU, so that noise does not depend on the device of the model.

    `device` is for code that accepts generators on the model's device only.
    """
    import torch

    return torch.Generator(device).manual_seed(seed)


@contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed PyTorch's global generators, for code that uses them, and restore them on exit."""
    import torch

    # The default, all devices, would initialise CUDA on each of them.
    with torch.random.fork_rng([device] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield
