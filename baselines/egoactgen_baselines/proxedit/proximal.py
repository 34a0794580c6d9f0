"""Proximal guidance (arXiv 2306.05414): small differences between predictions are set to zero."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

Operator = Literal["soft", "hard", "released-l1", "none"]


@dataclass(frozen=True)
class Proximal:
    """The operator on the difference d = ε(target) − ε(negative), and the edited region.

    `operator`, for a threshold L: "soft", sign(d) max(|d| − L, 0), the proximal map of the l1 norm
    (l0 in the released code); "hard", d where |d| > L, that of the l0 norm; "released-l1", the
    released code's l1: "soft", then positive values − L, then all negative ones + L.
    L is the `quantile` of |d| if that is positive, else −`quantile`. `over`: the quantile is taken
    over the "pair", with as many zeros for the source (as released), or the "target" only.
    `mask`: the edited region is |prox(d)| > L ("released", equivalent to |d| > 2L for "soft") or
    prox(d) ≠ 0 ("nonzero"), dilated by `dilate` latent cells.
    """

    operator: Operator = "soft"
    quantile: float = 0.7
    over: Literal["pair", "target"] = "pair"
    mask: Literal["released", "nonzero"] = "released"
    dilate: int = 1

    def __call__(self, difference: Tensor) -> tuple[Tensor, Tensor]:
        """d of source and target (2, B, C, h, w) → shrunk d, and the threshold (B, 1, 1, 1)."""
        threshold = self.threshold(difference)
        return shrink(difference, threshold, self.operator), threshold

    def threshold(self, difference: Tensor) -> Tensor:
        """L of each sample (B, 1, 1, 1), from d (2, B, C, h, w)."""
        counted = difference if self.over == "pair" else difference[1:]
        values = counted.transpose(0, 1).flatten(1).abs()
        if self.quantile > 0:
            return values.quantile(self.quantile, dim=1)[:, None, None, None]
        return values.new_full((len(values), 1, 1, 1), -self.quantile)

    def edited(self, shrunk: Tensor, threshold: Tensor) -> Tensor:
        """The edited region: 1 inside, else 0, (2, B, C, h, w), separately per channel."""
        least = threshold if self.mask == "released" else torch.zeros_like(threshold)
        mask = (shrunk.abs() > least).to(shrunk.dtype)
        if not self.dilate:
            return mask
        size = 2 * self.dilate + 1
        return max_pool2d(mask.flatten(0, 1), size, stride=1, padding=self.dilate).view_as(mask)


def shrink(difference: Tensor, threshold: Tensor, operator: Operator) -> Tensor:
    """Apply the proximal map `operator`; the shapes are broadcast."""
    if operator == "none":
        return difference
    if operator == "hard":
        return difference * (difference.abs() > threshold)
    soft = difference - difference.clamp(-threshold, threshold)
    if operator == "soft":
        return soft
    lowered = torch.where(soft > 0, soft - threshold, soft)
    return torch.where(lowered < 0, lowered + threshold, lowered)
