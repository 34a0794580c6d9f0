"""DreamSim's published adapter: checked, read without running code, and merged into weights."""

import math
import zipfile
from pathlib import Path
from typing import Any

from torch import Tensor

from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import parse_json, read_json
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.pretrained import refusing

FOLDER = "dino_vitb16_single_lora"  # in the published archive
CONFIG, TENSORS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
LARGEST = 256 << 20  # bytes of a file in the archive: the adapter has a few megabytes
ADAPTED = ".attn.qkv.weight"  # of every block
PREFIX = "base_model.model.extractor_list.0.model."  # of the names that peft saves for DreamSim
# Variants of LoRA that are merged in another way, by the key in the configuration; published
# adapters were written by many releases of peft, which state other sets of these keys.
UNSUPPORTED = (
    "use_dora",
    "use_rslora",
    "fan_in_fan_out",
    "modules_to_save",
    "rank_pattern",
    "alpha_pattern",
    "lora_bias",
    "enable_lora",
)


def merged(state: dict[str, Tensor], adapter: Path) -> dict[str, Tensor]:
    """DINO's parameters with W + (α/r) B A in the place of each W that the adapter changes.

    Raises `BenchError` for an adapter that is unreadable, damaged, or of another kind, and
    `LookupError`, `RuntimeError` or `ValueError` if it does not fit the network.
    """
    config, tensors = _read(adapter)
    if not isinstance(config, dict):
        raise BenchError(f"{CONFIG} of {adapter} is not a JSON object: download it again.")
    scale = _scale(config, adapter)
    changes = _pairs(tensors, adapter)
    adapted = {name.removesuffix(".weight") for name in state if name.endswith(ADAPTED)}
    if other := sorted(adapted ^ changes.keys()):
        what = "does not adapt" if other[0] in adapted else "adapts"
        raise ValueError(f"it {what} '{other[0]}'")
    changed = dict(state)
    for name, (first, second) in changes.items():
        if len(first) != config["r"]:
            raise BenchError(
                f"{adapter} states a rank of {config['r']}, but '{name}' has {len(first)}: it is "
                "damaged, download it again."
            )
        weight = state[f"{name}.weight"].float()
        change = scale * (second.float() @ first.float())
        if change.shape != weight.shape:
            raise ValueError(f"'{name}' has {tuple(change.shape)}, not {tuple(weight.shape)}")
        changed[f"{name}.weight"] = weight + change
    return changed


def _scale(config: dict[str, Any], adapter: Path) -> float:
    """α/r of a plain LoRA; `BenchError` for anything else."""
    other = [key for key in UNSUPPORTED if config.get(key)]
    if config.get("peft_type") != "LORA" or config.get("bias", "none") != "none" or other:
        what = f" with {', '.join(other)}" if other else ""
        raise BenchError(
            f"{adapter} is not DreamSim's adapter, a plain LoRA without biases, but "
            f"{config.get('peft_type')!r}{what}: download the published one."
        )
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or rank < 1 or alpha is None or not _is_finite(alpha):
        raise BenchError(f"{adapter} states no rank and scale (r, lora_alpha): download it again.")
    return float(alpha) / rank


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _pairs(tensors: dict[str, Tensor], adapter: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Module of DINO → its (A, B)."""
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        module, _, half = name.removeprefix(PREFIX).removesuffix(".weight").rpartition(".lora_")
        if not name.startswith(PREFIX) or half not in ("A", "B") or not name.endswith(".weight"):
            raise BenchError(
                f"{adapter} contains '{name[:100]}', which DreamSim's adapter of DINO ViT-B/16 "
                "does not have: download the published one."
            )
        halves.setdefault(module, {})[half] = tensor
    return {module: (pair["A"], pair["B"]) for module, pair in halves.items()}


def _read(adapter: Path) -> tuple[Any, dict[str, Tensor]]:
    """The configuration and the tensors of a folder, or of the published archive."""
    if not adapter.is_dir():
        return _unpacked(adapter)
    found = adapter / TENSORS
    tensors = read_checkpoint(found if found.is_file() else adapter / PICKLED)
    return read_json(adapter / CONFIG), tensors


def _unpacked(archive: Path) -> tuple[Any, dict[str, Tensor]]:
    from safetensors.torch import load

    with refusing(archive), zipfile.ZipFile(archive) as unzipped:
        sizes = {member.filename: member.file_size for member in unzipped.infolist()}
        wanted = [f"{FOLDER}/{name}" for name in (CONFIG, TENSORS)]
        if missing := [name for name in wanted if name not in sizes]:
            raise BenchError(
                f"{archive} does not contain {' and '.join(missing)}: it is another archive, or an "
                f"old one with a pickled adapter, of which the unpacked folder {FOLDER} is read."
            )
        if max(sizes[name] for name in wanted) > LARGEST:
            raise BenchError(f"{archive} unpacks to more than an adapter has: download it again.")
        config, tensors = (unzipped.read(name) for name in wanted)
        return parse_json(config), load(tensors)
