"""Training the toy LLaVA's CLIP vision tower to represent what a frame shows.

This takes the place of CLIP's training on images of the web: while the VLLM is tuned the tower is
frozen, as in the paper, and without training its features would be useless.
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
from egoactgen_lego.toy.frame_facts import FactHead, Facts

STEPS = 2000


def train_tower(
    tower: Any, frames: Tensor, facts: Facts, seed: int, steps: int = STEPS
) -> TrainingResult:
    """Train a CLIPVisionModel to predict the facts of normalised frames (n, 3, S, S).

    They are predicted from the mean of the patches of the last layer but one, which LLaVA uses.
    """
    config = TrainingConfig(steps, rate=1e-3)
    with seeded(derive_seed(seed, "tower")):
        head = FactHead(tower.config.hidden_size)

        def step(_: int) -> Tensor:
            chosen = drawn_batch(len(frames), config.batch)
            return head.loss(summary(tower, frames[chosen]), facts[chosen])

        tower.requires_grad_(True)
        fitted = fit(nn.ModuleList([tower, head]), step, config)
        tower.requires_grad_(False)
    return fitted


def summary(tower: Any, frames: Tensor) -> Tensor:
    """(n, 3, S, S) normalised frames → (n, width), the mean of the patches that LLaVA uses."""
    found = tower(pixel_values=frames, output_hidden_states=True).hidden_states
    patches: Tensor = found[-2][:, 1:]
    return patches.mean(1)


def normalised(processor: Any, frames: Sequence[Image.Image]) -> Tensor:
    """The frames as the tower takes them: (n, 3, S, S) float32."""
    found: Tensor = processor(list(frames), return_tensors="pt").pixel_values
    return found
