"""Reproducible weights: each generated from its name, as for the reference outputs."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch


def hashed(name: str, shape: tuple[int, ...], scale: float) -> torch.Tensor:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    drawn = np.random.default_rng(seed).standard_normal(tuple(shape), dtype=np.float32)
    values = torch.from_numpy(np.asarray(drawn * np.float32(scale), dtype=np.float32))
    if name.endswith(".running_var"):
        return values.abs() + 1
    return values + 1 if name.endswith("weight") and len(shape) == 1 else values


def hashed_weights(shapes: Path, scale: float) -> dict[str, torch.Tensor]:
    """Weights for every name of a `*_param_shapes.json`."""
    named = json.loads(shapes.read_text())
    return {name: hashed(name, shape, scale) for name, shape in named.items()}


def seeded(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    drawn = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(drawn)
