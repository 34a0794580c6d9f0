"""A narrow DreamSim in the layout of the published weights, its values drawn from their names."""

import json
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save

from reference_weights import hashed

WIDTH, DEPTH, RANK = 64, 12, 4  # the package reads the twelfth block, whatever the depth
PREFIX = "base_model.model.extractor_list.0.model."
CONFIG = {
    "base_model_name_or_path": None,
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
    "lora_alpha": 0.5,
    "lora_dropout": 0.3,
    "modules_to_save": None,
    "peft_type": "LORA",
    "r": RANK,
    "target_modules": ["qkv"],
    "task_type": None,
}


def backbone(depth: int = DEPTH, patch: int = 16, grid: int = 14) -> dict[str, torch.Tensor]:
    """DINO's vision transformer, under the names of dino_vitbase16_pretrain.pth."""
    shapes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, 1 + grid**2, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, patch, patch),
        "patch_embed.proj.bias": (WIDTH,),
        "norm.weight": (WIDTH,),
        "norm.bias": (WIDTH,),
    }
    for number in range(depth):
        for name, inner, outer in (
            ("attn.qkv", WIDTH, 3 * WIDTH),
            ("attn.proj", WIDTH, WIDTH),
            ("mlp.fc1", WIDTH, 4 * WIDTH),
            ("mlp.fc2", 4 * WIDTH, WIDTH),
        ):
            shapes[f"blocks.{number}.{name}.weight"] = (outer, inner)
            shapes[f"blocks.{number}.{name}.bias"] = (outer,)
        for name in ("norm1", "norm2"):
            shapes[f"blocks.{number}.{name}.weight"] = (WIDTH,)
            shapes[f"blocks.{number}.{name}.bias"] = (WIDTH,)
    return {name: hashed(name, shape, 0.1) for name, shape in shapes.items()}


def adapter(depth: int = DEPTH) -> dict[str, torch.Tensor]:
    """LoRA of the attention's queries, keys and values, under the names that peft saves."""
    found = {}
    for number in range(depth):
        module = f"{PREFIX}blocks.{number}.attn.qkv"
        found[f"{module}.lora_A.weight"] = hashed(f"{module}.A", (RANK, WIDTH), 0.5)
        found[f"{module}.lora_B.weight"] = hashed(f"{module}.B", (3 * WIDTH, RANK), 0.5)
    return found


def write_small_dreamsim(folder: Path, depth: int = DEPTH) -> None:
    """Write the two published files."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(backbone(depth), folder / "dino_vitbase16_pretrain.pth")
    archive = folder / "dreamsim_dino_vitb16_checkpoint.zip"
    write_archive(archive, CONFIG, save(adapter(depth)))


def write_archive(path: Path, config: dict[str, object], tensors: bytes) -> None:
    """Write an archive like the published one, whose copy of DINO nothing reads."""
    inner = "dino_vitb16_single_lora"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dino_vitb16_pretrain.pth", b"not read")
        archive.writestr(f"{inner}/adapter_config.json", json.dumps(config))
        archive.writestr(f"{inner}/adapter_model.safetensors", tensors)
