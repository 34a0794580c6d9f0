"""Quality of a feature space: whether nearest neighbours show the same action."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.networks.toy_fitting import fraction


def nearest_has_same_action(features: Tensor, drawn: Drawn) -> dict[str, float]:
    """Accuracy of the nearest neighbour's action, by cosine of features (n, d)."""
    features = normalize(features, dim=1)
    nearest = (features @ features.T).fill_diagonal_(-torch.inf).argmax(1).tolist()
    same = zip(nearest, drawn.actions, strict=True)
    return {"nearest_has_same_action": fraction(drawn.actions[n] == action for n, action in same)}
