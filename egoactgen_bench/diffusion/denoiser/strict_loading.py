"""Strict loading of weights: missing and unexpected tensors are errors that name them."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn

from egoactgen_bench.errors import BenchError

ModelT = TypeVar("ModelT", bound=nn.Module)


def fill(model: ModelT, weights: Mapping[str, Tensor], owner: str) -> ModelT:
    """Assign `weights` to a `model` on the meta device, which has no memory of its own."""
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    refuse(owner, "lacks tensors for", wanted.keys() - weights.keys())
    refuse(owner, "has unknown tensors", weights.keys() - wanted.keys())
    wrong = [
        f"{name} {tuple(weights[name].shape)} instead of {tuple(shape)}"
        for name, shape in wanted.items()
        if weights[name].shape != shape
    ]
    refuse(owner, "has tensors of another shape", wrong)
    # Assigned, since a tensor on the meta device has no memory to copy into.
    model.load_state_dict(dict(weights), strict=True, assign=True)
    return model.eval()


def refuse(owner: str, what: str, names: Iterable[str]) -> None:
    """Raise `BenchError` with the first of `names`, unless there are none."""
    found = sorted(names)
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise BenchError(f"{owner} {what}: {', '.join(found[:3])}{more}.")
