"""What a space of features is good for: whether clips that are near in it show the same action."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.networks.toy_fitting import share


def nearest_has_same_action(features: Tensor, drawn: Drawn) -> dict[str, float]:
    """The share of clips (n, d) whose nearest other one, by cosine, shows the same action."""
    features = normalize(features, dim=1)
    nearest = (features @ features.T).fill_diagonal_(-torch.inf).argmax(1).tolist()
    same = zip(nearest, drawn.actions, strict=True)
    return {"nearest_has_same_action": share(drawn.actions[n] == action for n, action in same)}
