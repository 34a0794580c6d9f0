"""Loads a saved pipeline: its networks strictly, an adapter if one is named, on its device."""

import inspect
from pathlib import Path
from typing import Any

import torch

from egoactgen_baselines.pipelines import lora_adapter, pipeline_memory
from egoactgen_baselines.pipelines.memory_options import MemoryOptions
from egoactgen_baselines.pipelines.pipeline_folder import load_components
from egoactgen_bench.diffusion.denoiser.latent_model import quiet
from egoactgen_bench.weights.pretrained import refusing


def load_pipeline(
    kind: type[Any],
    folder: Path,
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
    components = load_components(folder, dtype, options)
    taken = inspect.signature(kind.__init__).parameters
    with refusing(folder):
        loaded = kind.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            **{name: each for name, each in components.items() if name in taken},
        )
    loaded.set_progress_bar_config(disable=True)
    if adapter is not None:
        lora_adapter.load(loaded, adapter, options.lora_scale)
    return pipeline_memory.place(loaded, options, device)
