"""Proximal guidance (arXiv 2306.05414): the part of the guidance that is large enough to count."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

Operator = Literal["soft", "hard", "released-l1", "none"]


@dataclass(frozen=True)
class Proximal:
    """How the difference d = ε(target) − ε(negative) is shrunk, and where it counts as an edit.

    `operator`, for a threshold L: "soft", sign(d) max(|d| − L, 0), the proximal map of the l1 norm,
    which the released code names l0; "hard", d where |d| > L, that of the l0 norm; "released-l1",
    what that code names l1: "soft", then positive values − L, then all negative ones + L.
    `quantile` q > 0 sets L as that of |d|; q ≤ 0 means L = −q. It is taken over the "pair", that
    is the target's values and as many zeros of the source's row (as released), or the "target".
    `mask`: an edit is where |prox(d)| > L ("released", which asks for |d| > 2L), or where
    prox(d) ≠ 0 ("nonzero"); `dilate` widens it by so many latent cells.
    """

    operator: Operator = "soft"
    quantile: float = 0.7
    over: Literal["pair", "target"] = "pair"
    mask: Literal["released", "nonzero"] = "released"
    dilate: int = 1

    def __call__(self, difference: Tensor) -> tuple[Tensor, Tensor]:
        """(2, B, C, h, w) d of source and target → shrunk d, and the threshold, (B, 1, 1, 1)."""
        threshold = self.threshold(difference)
        return shrink(difference, threshold, self.operator), threshold

    def threshold(self, difference: Tensor) -> Tensor:
        """Each sample's own L, (B, 1, 1, 1), from (2, B, C, h, w)."""
        counted = difference if self.over == "pair" else difference[1:]
        values = counted.transpose(0, 1).flatten(1).abs()
        if self.quantile > 0:
            return values.quantile(self.quantile, dim=1)[:, None, None, None]
        return values.new_full((len(values), 1, 1, 1), -self.quantile)

    def edited(self, shrunk: Tensor, threshold: Tensor) -> Tensor:
        """1 where an edit is, else 0: (2, B, C, h, w), each channel on its own."""
        least = threshold if self.mask == "released" else torch.zeros_like(threshold)
        mask = (shrunk.abs() > least).to(shrunk.dtype)
        if not self.dilate:
            return mask
        size = 2 * self.dilate + 1
        return max_pool2d(mask.flatten(0, 1), size, stride=1, padding=self.dilate).view_as(mask)


def shrink(difference: Tensor, threshold: Tensor, operator: Operator) -> Tensor:
    """`difference` by the proximal map `operator`; the shapes broadcast."""
    if operator == "none":
        return difference
    if operator == "hard":
        return difference * (difference.abs() > threshold)
    soft = difference - difference.clamp(-threshold, threshold)
    if operator == "soft":
        return soft
    lowered = torch.where(soft > 0, soft - threshold, soft)
    return torch.where(lowered < 0, lowered + threshold, lowered)
