"""A LoRA adapter of a pipeline: `-o lora=PATH|NAME`, loaded completely or refused."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from egoactgen_bench.errors import BenchError
from egoactgen_bench.weights.pretrained import refusing
from egoactgen_bench.weights.stored_tensors import check_safetensors

NAME = "adapter"
FILES = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")


def find(name: str, models: Path) -> Path:
    """The adapter's file: the path `name`, or that name in `models`, or the file in that folder.

    Raises `BenchError` if there is none, or if it is not a safetensors file.
    """
    path = next((path for path in (Path(name), models / name) if path.exists()), None)
    if path is None:
        raise BenchError(f"-o lora={name} does not exist, neither as a path nor in {models}.")
    if path.is_dir():
        found = [path / name for name in FILES if (path / name).is_file()]
        found = found or sorted(path.glob("*.safetensors"))
        if len(found) != 1:
            what = "no .safetensors file" if not found else f"{len(found)} .safetensors files"
            raise BenchError(f"-o lora={path} contains {what}: name the adapter's file.")
        path = found[0]
    if path.suffix != ".safetensors":
        raise BenchError(
            f"-o lora={path} is not a .safetensors file: adapters in other formats may contain "
            "code, and are not read."
        )
    check_safetensors(path)
    return path


def load(pipeline: Any, file: Path, scale: float) -> None:
    """Load an adapter into a pipeline with a weight of `scale`.

    Raises `BenchError` for a pipeline without adapters, and unless every tensor of the file fits a
    layer: diffusers only logs those that do not.
    """
    if not hasattr(pipeline, "load_lora_weights"):
        raise BenchError(f"-o lora: {type(pipeline).__name__} does not support LoRA adapters.")
    with refusing(file), _messages() as messages:
        pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name=NAME)
    misfit = [each for each in messages if "unexpected keys" in each or "missing keys" in each]
    if misfit or not any(map(_has_adapter, pipeline.components.values())):
        why = f": {misfit[0][:200]}" if misfit else ": none of its tensors belongs to a layer."
        raise BenchError(f"{file} does not fit {type(pipeline).__name__}{why}")
    pipeline.set_adapters([NAME], [scale])


def _has_adapter(component: Any) -> bool:
    import torch

    return isinstance(component, torch.nn.Module) and any(
        f".{NAME}." in name for name, _ in component.named_parameters()
    )


@contextmanager
def _messages() -> Iterator[list[str]]:
    """What diffusers logs, instead of its own output."""
    logger = logging.getLogger("diffusers")
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(" ".join(record.getMessage().split()))

    handlers, level = logger.handlers[:], logger.level
    logger.handlers = [Keep()]
    logger.setLevel(logging.WARNING)
    try:
        yield found
    finally:
        logger.handlers = handlers
        logger.setLevel(level)
