"""Which weights of a VLLM are tuned: its projector and its language model, or adapters of it."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.seeds import derive_seed


def open_weights(model: Any, lora_rank: int, lora_alpha: int, seed: int) -> Any:
    """Make projector and language model trainable, in float32; with a rank, the latter by LoRA.

    CLIP's tower is frozen. Returns the model, wrapped if it has adapters.
    """
    model.requires_grad_(False)
    projector = model.model.multi_modal_projector
    if lora_rank:
        wrapped = _with_adapters(model, lora_rank, lora_alpha, seed)
    else:
        wrapped = model
        # float32, since a step of 2e-5 is lost next to most weights in bfloat16, which keeps 8
        # bits.
        for part in (model.model.language_model, model.lm_head):
            part.float().requires_grad_(True)
    projector.float().requires_grad_(True)
    if model.config.projector_hidden_act == "linear":
        # A converted single layer: the second layer is an identity, and must stay one.
        projector.linear_2.requires_grad_(False)
    return wrapped


def _with_adapters(model: Any, rank: int, alpha: int, seed: int) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError:
        raise BenchError("LoRA needs the package peft: run pip install peft.") from None
    layers = [
        f"model.language_model.{name}"
        for name, layer in model.model.language_model.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft 0.21 reads a property of the model that transformers 5.23 renamed.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        torch.manual_seed(derive_seed(seed, "lora"))
        return get_peft_model(model, LoraConfig(r=rank, lora_alpha=alpha, target_modules=layers))


def trainable(model: nn.Module) -> list[str]:
    """The names of the trainable weights."""
    return [name for name, weight in model.named_parameters() if weight.requires_grad]


def save(model: Any, values: dict[str, Tensor], dtype: torch.dtype, folder: Path) -> None:
    """Write an `open_weights` model with the trained `values` as a plain transformers folder."""
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in values.items():
            weights[name].copy_(value)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
    model.to(dtype).save_pretrained(folder)
