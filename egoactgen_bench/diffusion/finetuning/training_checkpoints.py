"""Checkpoints of a training: a new one is complete before the old one is removed."""

import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_json, write_json
from egoactgen_bench.support.replacing import replacing
from egoactgen_bench.weights.stored_tensors import read_stored

TENSORS, STATE = "tensors.safetensors", "state.json"


def place(folder: Path, step: int) -> Path:
    """The folder of the checkpoint after `step` steps."""
    return folder / f"checkpoint-{step:08d}"


def finish(checkpoint: Path, state: dict[str, Any]) -> None:
    """Mark a checkpoint as complete by its `state`, plain data, and remove the others."""
    write_json(checkpoint / STATE, state)
    for old in set(checkpoint.parent.glob("checkpoint-*")) - {checkpoint}:
        shutil.rmtree(old)


def latest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The last complete checkpoint and its state; None where there is none."""
    # Without its state a checkpoint was interrupted: it is ignored, and removed by the next one.
    complete = sorted(path.parent for path in folder.glob(f"checkpoint-*/{STATE}"))
    return (complete[-1], read_json(complete[-1] / STATE)) if complete else None


def clear(folder: Path) -> None:
    """Remove all checkpoints."""
    for path in folder.glob("checkpoint-*"):
        shutil.rmtree(path)


# Tensors by name instead of accelerate's save_state, which pickles the optimizer, writes a file of
# random states per process and names weights by their wrapper, so that a training could not resume
# with another number of processes. Here, draws depend only on the step and the sample, so that the
# tensors are the complete state.
def write_tensors(checkpoint: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors of any device and layout into `checkpoint`."""
    from safetensors.torch import save_file

    # Copies: safetensors refuses shared memory, and an optimizer may share one table among all
    # parameters.
    copies = {name: t.detach().to("cpu", copy=True) for name, t in tensors.items()}
    with replacing(checkpoint / TENSORS) as path:
        save_file({name: tensor.contiguous() for name, tensor in copies.items()}, path)


def read_tensors(checkpoint: Path) -> dict[str, Tensor]:
    """The tensors that `write_tensors` wrote, on the CPU."""
    return read_stored(checkpoint / TENSORS)


def optimizer_state(
    optimizer: torch.optim.Optimizer, parameters: dict[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the numbers of an optimizer's state, both named `<parameter>/<name>`."""
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
    """Restore the state that `optimizer_state` returned."""
    for entry, value in entries.items():
        name, _, key = entry.rpartition("/")
        parameter = parameters[name]
        # PyTorch keeps the count of steps on the CPU.
        on_device = isinstance(value, Tensor) and key != "step"
        optimizer.state[parameter][key] = value.to(parameter.device) if on_device else value


def restore(parameters: dict[str, Tensor], values: dict[str, Tensor]) -> None:
    """Copy `values` into the parameters of the same names."""
    if parameters.keys() != values.keys():
        raise BenchError("The checkpoint contains other weights: start over with --overwrite.")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(values[name])
