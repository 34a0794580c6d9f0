"""Teaching the toy LLaVA's eyes: its CLIP tower learns to tell what a frame shows.

It stands in for CLIP's training on the world's pictures: in tuning the tower is frozen, as in the
paper, and a tower that has seen nothing would leave the language model blind.
"""

from collections.abc import Sequence
from typing import Any

from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.support.seeds import derive_seed, seeded
from egoactgen_bench.toy.networks.toy_fitting import (
    TrainingConfig,
    TrainingResult,
    drawn_batch,
    fit,
)
from egoactgen_lego.toy.frame_facts import Facts, Reader

STEPS = 2000


def teach(
    tower: Any, frames: Tensor, facts: Facts, seed: int, steps: int = STEPS
) -> TrainingResult:
    """Fit a CLIPVisionModel to the facts of normalised frames (n, 3, S, S).

    What is read is the mean of the patches that LLaVA sees, those of the last layer but one.
    """
    config = TrainingConfig(steps, rate=1e-3)
    with seeded(derive_seed(seed, "tower")):
        reader = Reader(tower.config.hidden_size)

        def step(_: int) -> Tensor:
            chosen = drawn_batch(len(frames), config.batch)
            return reader.loss(summary(tower, frames[chosen]), facts[chosen])

        tower.requires_grad_(True)
        fitted = fit(nn.ModuleList([tower, reader]), step, config)
        tower.requires_grad_(False)
    return fitted


def summary(tower: Any, frames: Tensor) -> Tensor:
    """(n, width)."""
    found = tower(pixel_values=frames, output_hidden_states=True).hidden_states
    patches: Tensor = found[-2][:, 1:]
    return patches.mean(1)


def normalised(processor: Any, frames: Sequence[Image.Image]) -> Tensor:
    """(n, 3, S, S) as the tower sees them."""
    found: Tensor = processor(list(frames), return_tensors="pt").pixel_values
    return found
