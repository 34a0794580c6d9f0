"""Tensors as the toolkit stores them: safetensors in half precision, read as float32."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import write_bytes
from egoactgen_bench.support.placeholder_files import refuse_placeholder

if TYPE_CHECKING:
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")

# What a network raises that is built from the shapes of a file's tensors, if these are others: not
# only PyTorch's RuntimeError, but also a missing name, or a shape with other dimensions.
MISFITS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


def write_tensors(path: Path, tensors: Mapping[str, "Tensor"]) -> None:
    """Write tensors atomically, floating-point ones as float16."""
    from safetensors.torch import save

    halved = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).detach().cpu().contiguous()
        for name, tensor in tensors.items()
    }
    write_bytes(path, save(halved, metadata={"format": "pt"}))


def write_folder(folder: Path, model: Any) -> None:
    """Write a transformers model in half precision, under the parameter names of the hub."""
    copy.deepcopy(model).half().save_pretrained(folder)


def read_tensors(path: Path) -> dict[str, "Tensor"]:
    """The tensors of a safetensors file, floating-point ones as float32.

    Raises `BenchError` as `read_stored` does.
    """
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in read_stored(path).items()
    }


def read_stored(path: Path) -> dict[str, "Tensor"]:
    """The tensors of a safetensors file as they are stored, mapped from disk.

    Raises `BenchError` for a missing or damaged file.
    """
    from safetensors.torch import load_file

    check_safetensors(path)
    return load_file(path)


def check_safetensors(path: Path) -> None:
    """Raise `BenchError` unless the file is a safetensors file; reads its header only."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise BenchError(f"{path} does not exist.")
    refuse_placeholder(path)
    try:
        # The library checks the header's size, and that shapes and offsets fit the file.
        with safe_open(path, "pt"):
            pass
    except (SafetensorError, OSError, ValueError) as error:
        detail = " ".join(str(error).split())[:200].rstrip(".")
        raise BenchError(
            f"{path} is not a readable safetensors file ({detail}): it may be incomplete; "
            "download it again."
        ) from None


def load_network(network: Network, weights: Path, name: str, device: str) -> Network:
    """Load a network from a safetensors file: frozen, in eval mode; errors call it `name`."""
    with must_fit(weights, name):
        network.load_state_dict(read_tensors(weights))
    return network.requires_grad_(False).eval().to(device)


@contextmanager
def must_fit(weights: Path, name: str) -> Iterator[None]:
    """Turn the error of a network that is built from other tensors into a `BenchError`."""
    try:
        yield
    except MISFITS as error:
        detail = " ".join(str(error).split())[:300].rstrip(".")
        if isinstance(error, KeyError):
            detail = f"it lacks {detail}"
        raise BenchError(f"{weights} does not fit {name}: {detail}.") from None
