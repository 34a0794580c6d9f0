"""Reference weights and frames for the metrics' networks."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

State = dict[str, torch.Tensor]
Hashed = Callable[..., State]


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    return shared / "golden"


@pytest.fixture(scope="session")
def hashed(golden: Path) -> Hashed:
    """`hashed(shapes, scale, starting="")`: weights drawn from their own names.

    `shapes` is a *_param_shapes.json of the golden folder, or a dictionary name → shape.
    """
    spec = importlib.util.spec_from_file_location("hashed_weights", golden / "hashed_weights.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def draw(
        shapes: str | dict[str, Any], scale: float, starting: str | tuple[str, ...] = ""
    ) -> State:
        if isinstance(shapes, str):
            shapes = json.loads((golden / shapes).read_text())
        return {
            name: torch.from_numpy(module.hashed_array(name, tuple(shape), scale))
            for name, shape in shapes.items()
            if name.startswith(starting)
        }

    return draw


@pytest.fixture(scope="session")
def frame(golden: Path) -> Callable[[int], NDArray[np.uint8]]:
    """`frame(30)`: a real frame as stored in a split, (256, 456, 3) uint8."""
    return lambda number: np.array(Image.open(golden / f"frames/frame_{number:03d}_456x256.png"))
