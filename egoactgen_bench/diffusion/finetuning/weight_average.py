"""The moving average of the trained weights, whose updates may be counted in micro-batches."""

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor


def step_decay(decay: float, step: int, updates: int = 1) -> float:
    """The factor by which an optimiser step (counted from 1) of `updates` updates decays the past.

    The n-th update of the training decays by min(decay, (1 + n) / (10 + n)), as in latent diffusion
    (arXiv 2112.10752), whose code updates its average after every micro-batch.
    """
    counted = range((step - 1) * updates + 1, step * updates + 1)
    return prod(min(decay, (1 + n) / (10 + n)) for n in counted)


def share_of_first(decay: float, first: int, steps: int, updates: int = 1) -> float:
    """The share of the average after `steps` steps that the weights of the `first` ones have."""
    return prod(step_decay(decay, step, updates) for step in range(first + 1, steps + 1))


def moving_average(parameters: Sequence[Tensor], decay: float, updates: int) -> Any:
    """diffusers' `EMAModel` of parameters, updated once per step by `step_decay`."""
    from diffusers.training_utils import EMAModel

    class Average(EMAModel):  # type: ignore[misc]
        def get_decay(self, optimization_step: int) -> float:
            return step_decay(decay, optimization_step, updates)

    return Average(parameters, decay, foreach=True)
