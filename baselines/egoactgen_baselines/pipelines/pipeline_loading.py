"""Loads a saved pipeline: its networks strictly, an adapter if one is named, on its device."""

import inspect
from pathlib import Path
from typing import Any

import torch

from egoactgen_baselines.pipelines import lora_adapter, modular_call, pipeline_memory
from egoactgen_baselines.pipelines.call_recipe import CallRecipe
from egoactgen_baselines.pipelines.library_messages import show_once
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_baselines.pipelines.modular_blocks import is_modular
from egoactgen_baselines.pipelines.modular_folder import used_components
from egoactgen_baselines.pipelines.pipeline_folder import components, load_components
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.weights.pretrained import refusing


def load_pipeline(
    kind: type[Any],
    folder: Path,
    recipe: CallRecipe,
    dtype: torch.dtype,
    device: str,
    options: MemoryOptions,
    adapter: Path | None,
) -> Any:
    """The pipeline of class `kind` saved in `folder`; `adapter` is the file of a LoRA adapter.

    Raises `BenchError`, which names the file or folder, for anything that cannot be loaded whole.
    """
    from diffusers.utils import logging

    logging.disable_progress_bar()
    quiet()
    show_once()
    modular = is_modular(kind)
    names = used_components(folder, kind, recipe) if modular else list(components(folder))
    exact = [name for name in names if name in recipe.in_float32]
    others = [name for name in names if name not in exact]
    parts = load_components(folder, others, dtype, options, networks_only=not modular)
    parts |= load_components(folder, exact, torch.float32, options, networks_only=not modular)
    if modular:
        loaded = modular_call.assemble(kind, folder, parts, recipe)
    else:
        loaded = _from_pretrained(kind, folder, parts, dtype)
    loaded.set_progress_bar_config(disable=True)
    if adapter is not None:
        lora_adapter.load(loaded, adapter, options.lora_scale)
    placed = pipeline_memory.place(loaded, options, device)
    return modular_call.ModularCall(placed, recipe.guider) if modular else placed


def _from_pretrained(
    kind: type[Any], folder: Path, parts: dict[str, Any], dtype: torch.dtype
) -> Any:
    taken = inspect.signature(kind.__init__).parameters
    with refusing(folder):
        return kind.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            **{name: each for name, each in parts.items() if name in taken},
        )
