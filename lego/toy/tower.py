"""Teaching the toy LLaVA's eyes: its CLIP tower learns to tell what a frame shows.

It stands in for CLIP's training on the world's pictures: in tuning the tower is frozen, as in the
paper, and a tower that has seen nothing would leave the language model blind.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.seeds import derive_seed, seeded
from lego.toy.facts import Facts, Reader

STEPS, BATCH, RATE = 2000, 64, 1e-3


def teach(
    tower: Any, frames: Tensor, facts: Facts, seed: int, steps: int = STEPS, progress: bool = True
) -> dict[str, float]:
    """Fit a CLIPVisionModel to the facts of normalised frames (n, 3, S, S); AdamW, one cycle.

    What is read is the mean of the patches that LLaVA sees, those of the last layer but one.
    """
    from tqdm import trange

    with seeded(derive_seed(seed, "tower")):
        reader = Reader(tower.config.hidden_size)
        parameters = [*tower.parameters(), *reader.parameters()]
        optimizer = torch.optim.AdamW(parameters, RATE, weight_decay=0.02)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.1)
        tower.requires_grad_(True).train()
        start, recent = time.process_time(), 0.0
        with trange(steps, unit="step", disable=None if progress else True) as bar:
            for _ in bar:
                chosen = torch.randint(len(frames), (BATCH,))
                loss = reader.loss(summary(tower, frames[chosen]), facts[chosen])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                cycle.step()
                recent += 0.02 * (loss.item() - recent)
                bar.set_postfix(loss=f"{recent:.3f}", refresh=False)
        tower.eval().requires_grad_(False)
    return {"steps": steps, "cpu_seconds": time.process_time() - start, "loss": recent}


def summary(tower: Any, frames: Tensor) -> Tensor:
    """(n, width)."""
    found = tower(pixel_values=frames, output_hidden_states=True).hidden_states
    patches: Tensor = found[-2][:, 1:]
    return patches.mean(1)


def normalised(processor: Any, frames: Sequence[Image.Image]) -> Tensor:
    """(n, 3, S, S) as the tower sees them."""
    found: Tensor = processor(list(frames), return_tensors="pt").pixel_values
    return found
