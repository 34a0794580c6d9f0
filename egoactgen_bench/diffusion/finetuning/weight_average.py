"""The moving average of trained weights, which is what a trained model is run with."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Average:
    """θ' ← θ' − (1 − d)(θ' − θ) after each step, as latent diffusion keeps it.

    d = min(decay, (1 + n) / (10 + n)) at the n-th update, so that the first steps are soon
    forgotten. With decay 0 the average is the weights themselves, and takes no memory.
    """

    def __init__(self, parameters: Mapping[str, Tensor], decay: float) -> None:
        self.parameters = parameters
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in parameters.items() if decay}

    @torch.no_grad()
    def update(self, count: int) -> None:
        """Take in the weights after their `count`-th step, counted from 1."""
        decay = min(self.decay, (1 + count) / (10 + count))
        for name, value in self.values.items():
            value.lerp_(self.parameters[name], 1 - decay)

    @torch.no_grad()
    def apply(self) -> None:
        """Put the average into the weights."""
        for name, value in self.values.items():
            self.parameters[name].copy_(value)
