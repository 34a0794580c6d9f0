"""Reference weights and frames for the metrics' networks."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

import reference_weights

State = dict[str, torch.Tensor]


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    return shared / "golden"


@pytest.fixture(scope="session")
def hashed(golden: Path) -> Callable[..., State]:
    """`hashed(shapes, scale, starting="")`: weights generated from their names.

    `shapes` is a *_param_shapes.json of the golden folder, or a dictionary name → shape.
    """

    def draw(
        shapes: str | Mapping[str, Sequence[int]],
        scale: float,
        starting: str | tuple[str, ...] = "",
    ) -> State:
        if isinstance(shapes, str):
            shapes = json.loads((golden / shapes).read_text())
        return {
            name: reference_weights.hashed(name, tuple(shape), scale)
            for name, shape in shapes.items()
            if name.startswith(starting)
        }

    return draw


@pytest.fixture(scope="session")
def frame(golden: Path) -> Callable[[int], Image.Image]:
    """`frame(30)`: a real frame as stored in a split, 456 pixels wide and 256 high."""
    return lambda number: Image.open(golden / f"frames/frame_{number:03d}_456x256.png")
