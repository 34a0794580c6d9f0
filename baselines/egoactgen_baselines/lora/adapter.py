"""The adapter of a transformer: which layers it updates, and the file in which it is saved."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from egoactgen_baselines.lora.editor_family import EditorFamily
from egoactgen_baselines.lora.lora_options import LoraOptions
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import write_bytes
from egoactgen_bench.support.seeds import derive_seed, seeded

FILE = "pytorch_lora_weights.safetensors"  # diffusers' name


def add(transformer: Any, family: EditorFamily, options: LoraOptions, seed: int) -> None:
    """Add a trainable adapter (arXiv 2106.09685) to a frozen transformer; it changes nothing yet.

    Its weights are float32, in any dtype of the transformer.
    """
    from peft import LoraConfig

    chosen = LoraConfig(
        r=options.rank,
        lora_alpha=options.rank if options.alpha is None else options.alpha,
        target_modules=layers(transformer, family, options.targets),
    )
    transformer.requires_grad_(False)
    with seeded(derive_seed(seed, "lora")):
        transformer.add_adapter(chosen)
    for parameter in transformer.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.to(torch.float32)


def layers(transformer: Any, family: EditorFamily, targets: str) -> list[str]:
    """The names of the linear layers that `-o targets` means. Raises `BenchError` for none."""
    last = f"transformer_blocks.{len(transformer.transformer_blocks) - 1}"
    # Several processes wait for the gradients of each layer that is updated.
    idle = {f"{last}.{end}" for end in family.idle_layers}
    linear = [
        name
        for name, part in transformer.named_modules()
        if isinstance(part, nn.Linear) and name not in idle
    ]
    blocks = [name for name in linear if "transformer_blocks." in name]
    if targets == "linear":
        return blocks
    if targets == "attention":
        return [name for name in blocks if ".attn." in name]
    found: list[str] = []
    for end in targets.split(","):
        matched = [name for name in linear if f".{name}".endswith(f".{end.strip()}")]
        if not matched:
            ends = sorted({name.partition(".attn.")[2] for name in blocks} - {""})
            raise BenchError(
                f"-o targets={targets}: no layer of {type(transformer).__name__} ends in "
                f"'{end.strip()}'. Some that do: {', '.join(ends)}; or give attention or linear."
            )
        found += matched
    return found


def save(kind: type[Any], transformer: Any, folder: Path) -> None:
    """Write the adapter as pipelines of the class `kind` load it."""
    from peft.utils import get_peft_model_state_dict

    config = transformer.peft_config["default"]
    # Not all fields of the configuration, which differ between versions of peft: an older one
    # would not load the file.
    settings = {
        "r": config.r,
        "lora_alpha": config.lora_alpha,
        "target_modules": sorted(config.target_modules),
    }
    kind.save_lora_weights(
        folder,
        transformer_lora_layers=get_peft_model_state_dict(transformer),
        transformer_lora_adapter_metadata=settings,
    )
    _order_metadata(folder / FILE)


def _order_metadata(path: Path) -> None:
    """Sort the metadata of a safetensors file, whose order is random otherwise, as is its hash."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors are aligned
    write_bytes(path, len(text).to_bytes(8, "little") + text + data[start:])
