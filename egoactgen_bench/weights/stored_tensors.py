"""Tensors as the toolkit stores them: safetensors in half precision, read as float32."""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import write_bytes

if TYPE_CHECKING:
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")


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
    """The tensors of a safetensors file, floating-point ones as float32."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise BenchError(f"{path} does not exist.")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise BenchError(f"{path} is not a readable safetensors file ({error}).") from None
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def load_network(network: Network, weights: Path, name: str, device: str) -> Network:
    """Load a network from a safetensors file: frozen, in eval mode; errors call it `name`."""
    with must_fit(weights, name):
        network.load_state_dict(read_tensors(weights))
    return network.requires_grad_(False).eval().to(device)


@contextmanager
def must_fit(weights: Path, name: str) -> Iterator[None]:
    """Turn PyTorch's error for tensors that do not fit a network into a `BenchError`."""
    try:
        yield
    except (KeyError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:300]
        raise BenchError(f"{weights} does not fit {name}: {detail}.") from None
