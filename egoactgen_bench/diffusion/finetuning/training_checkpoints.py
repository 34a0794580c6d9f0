"""Checkpoints of a training: a new one is whole before the old one goes."""

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, replacing, write_json

TENSORS, STATE = "tensors.safetensors", "state.json"


def write(folder: Path, step: int, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write `folder`/checkpoint-<step>/, then remove the others; `state` is plain data."""
    from safetensors.torch import save_file

    new = folder / f"checkpoint-{step:08d}"
    with replacing(new / TENSORS) as path:
        # Copies, since an optimiser may share one table among all parameters.
        copies = {name: t.detach().to("cpu", copy=True) for name, t in tensors.items()}
        save_file({name: tensor.contiguous() for name, tensor in copies.items()}, path)
    write_json(new / STATE, state | {"step": step})
    for old in set(folder.glob("checkpoint-*")) - {new}:
        shutil.rmtree(old)


def read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors (on the CPU) and state of the last whole checkpoint; None where there is none."""
    from safetensors.torch import load_file

    whole = sorted(path.parent for path in folder.glob(f"checkpoint-*/{STATE}"))
    if not whole:
        return None
    return load_file(whole[-1] / TENSORS), read_json(whole[-1] / STATE)


def clear(folder: Path) -> None:
    """Remove all checkpoints."""
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)


def optimizer_state(
    optimizer: torch.optim.Optimizer, parameters: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What an optimiser remembers, its tensors apart from its numbers, as `<parameter>/<name>`."""
    entries = {
        f"{name}/{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state.get(parameter, {}).items()
    }
    tensors = {key: value for key, value in entries.items() if isinstance(value, Tensor)}
    return tensors, {key: value for key, value in entries.items() if key not in tensors}


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: dict[str, Tensor], entries: dict[str, Any]
) -> None:
    """Give an optimiser back what `optimizer_state` took from it."""
    for entry, value in entries.items():
        name, _, key = entry.rpartition("/")
        parameter = parameters[name]
        # PyTorch keeps the count of steps on the CPU.
        on_device = isinstance(value, Tensor) and key != "step"
        optimizer.state[parameter][key] = value.to(parameter.device) if on_device else value


def restore(parameters: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    """Copy `values` into the parameters of the same names."""
    if parameters.keys() != values.keys():
        raise BenchError("The checkpoint holds other weights than these: use --overwrite.")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])
