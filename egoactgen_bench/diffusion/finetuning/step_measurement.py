"""Memory and operations of a training step, counted on fake tensors: shapes without contents.

Networks of any size are built in seconds and take no memory. Kernels are those of the CPU, whose
fused attention saves as much as that of GPUs.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

NORMS = ("group_norm", "layer_norm")


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The bytes of all tensors made within this block that still exist, and their maximum.

    Views of the tensors `apart`, such as a layer's transposed weight, do not count.
    """

    def __init__(self, apart: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now: int = 0
        self.peak: int = 0
        self._known: set[int] = {tensor.untyped_storage()._cdata for tensor in apart}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return made

    def _add(self, storage: Any) -> None:
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._remove, key, size)

    def _remove(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


@contextmanager
def norms_in_float32() -> Iterator[None]:
    """Within this block, normalisations convert their input to float32, as autocast does on GPUs.

    On the CPU, autocast leaves it in 16 bits.
    """
    earlier = {name: getattr(F, name) for name in NORMS}

    def converting(function: Any) -> Any:
        return lambda tensor, *args, **kwargs: function(tensor.float(), *args, **kwargs)

    try:
        for name, function in earlier.items():
            setattr(F, name, converting(function))
        yield
    finally:
        for name, function in earlier.items():
            setattr(F, name, function)


def activation_bytes(
    loss: Callable[[], Any], weights: Iterable[Any], half: torch.dtype | None
) -> int:
    """The peak of a forward and backward pass of `loss`, apart from the gradients of `weights`."""
    weights = list(weights)
    for weight in weights:
        if weight.requires_grad:
            weight.register_post_accumulate_grad_hook(_free)
    with LiveBytes(weights) as live, norms_in_float32():
        with torch.autocast("cpu", half, enabled=half is not None):
            value = loss()
        value.backward()
    return int(live.peak)


def _free(weight: Tensor) -> None:
    weight.grad = None


def forward_operations(loss: Callable[[], Tensor]) -> int:
    """Operations of a forward pass; a multiplication and an addition are two."""
    # The counter knows the products of attention, but not the CPU's fused kernel.
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        loss()
    return int(counter.get_total_flops())
