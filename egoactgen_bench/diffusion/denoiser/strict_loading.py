"""Loading weights strictly: each tensor has its place, and each place its tensor, or it is said."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from torch import Tensor, nn

from egoactgen_bench.errors import BenchError

ModelT = TypeVar("ModelT", bound=nn.Module)


def fill(model: ModelT, weights: Mapping[str, Tensor], owner: str) -> ModelT:
    """Let `model` (built on the meta device, so without memory) take `weights` as its own."""
    wanted = {name: tensor.shape for name, tensor in model.state_dict().items()}
    refuse(owner, "lacks tensors for", wanted.keys() - weights.keys())
    refuse(owner, "has unknown tensors", weights.keys() - wanted.keys())
    wrong = [
        f"{name} {tuple(weights[name].shape)} instead of {tuple(shape)}"
        for name, shape in wanted.items()
        if weights[name].shape != shape
    ]
    refuse(owner, "has tensors of another shape", wrong)
    model.load_state_dict(dict(weights), strict=True, assign=True)
    return model.eval()


def refuse(owner: str, what: str, names: Iterable[str]) -> None:
    """Raise a `BenchError` that names the first of `names`, where there are any."""
    found = sorted(names)
    if found:
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise BenchError(f"{owner} {what}: {', '.join(found[:3])}{more}.")
