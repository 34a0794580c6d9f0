"""Training the toy LLaVA's CLIP vision tower to represent what a frame shows.

This takes the place of CLIP's training on images of the web: while the VLLM is tuned the tower is
frozen, as in the paper, and without training its features would be useless.
"""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.support.seeds import derive_seed, seeded
from egoactgen_bench.toy.networks.toy_fitting import (
    TrainingConfig,
    TrainingResult,
    drawn_batch,
    fit,
)
from egoactgen_lego.toy.frame_facts import FactHead, Facts

STEPS = 2500


def train_tower(
    tower: Any, frames: Tensor, facts: Facts, covered: Tensor, seed: int, steps: int = STEPS
) -> TrainingResult:
    """Train a CLIPVisionModel on normalised frames (n, 3, S, S), with the patches that LLaVA uses.

    Each patch predicts `covered`, (n, kinds, rows, columns): the fraction of it that each kind of
    object covers, and which patch it is: the language model cannot tell, as its own positions are
    relative and count the words, too. Without both, it names the place hardly better than from the
    label. The mean of the patches predicts the facts.
    """
    config = TrainingConfig(steps, rate=1e-3)
    with seeded(derive_seed(seed, "tower")):
        count = covered.shape[2] * covered.shape[3]
        head = FactHead(tower.config.hidden_size)
        objects = nn.Linear(tower.config.hidden_size, covered.shape[1])
        own = nn.Linear(tower.config.hidden_size, count)

        def step(_: int) -> Tensor:
            chosen = drawn_batch(len(frames), config.batch)
            seen = patches(tower, frames[chosen])
            logits = objects(seen).transpose(1, 2)
            where = F.binary_cross_entropy_with_logits(logits, covered[chosen].flatten(2).float())
            numbers = torch.arange(count).expand(len(chosen), -1)
            placed = F.cross_entropy(own(seen).transpose(1, 2), numbers)
            return head.loss(seen.mean(1), facts[chosen]) + 20 * where + placed

        tower.requires_grad_(True)
        fitted = fit(nn.ModuleList([tower, head, objects, own]), step, config)
        tower.requires_grad_(False)
    return fitted


def patches(tower: Any, frames: Tensor) -> Tensor:
    """(n, 3, S, S) normalised frames → (n, patches, width), of the last layer."""
    kept: Tensor = tower(pixel_values=frames).last_hidden_state[:, 1:]
    return kept


def normalised(processor: Any, frames: Sequence[Image.Image]) -> Tensor:
    """The frames as the tower takes them: (n, 3, S, S) float32."""
    found: Tensor = processor(list(frames), return_tensors="pt").pixel_values
    return found
