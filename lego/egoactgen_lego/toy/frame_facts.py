"""What a frame of the toy kitchen shows, as numbers to predict."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.toy.world.moments import Moment
from egoactgen_bench.toy.world.scene import HANDS, MOVABLE

ABSENT = -1.0
STANDING = 2  # the maximum number of objects of a kind, from left to right
CHOICES = (1 + len(MOVABLE), 1 + len(HANDS), 4, 2, 2)  # held, by which hand, open drawer, tap, hob
POSITIONS = 2 * len(HANDS) + 2 + STANDING * len(MOVABLE)


@dataclass(frozen=True)
class Facts:
    """Of n frames: `choices` (n, 5) int64; `positions` (n, 16) as fractions of the frame's side.

    The position of an absent object is `ABSENT`.
    """

    choices: Tensor
    positions: Tensor

    def __getitem__(self, chosen: Tensor) -> "Facts":
        return Facts(self.choices[chosen], self.positions[chosen])


def facts_of(moments: list[Moment]) -> Facts:
    """The facts of moments of the toy kitchen's videos."""
    found = [(_choices(moment), _positions(moment)) for moment in moments]
    choices, positions = zip(*found, strict=True)
    return Facts(torch.tensor(choices), torch.tensor(positions) / 100)


def _choices(moment: Moment) -> list[int]:
    scene = moment.scene
    item = scene.held_item()
    return [
        0 if item is None else 1 + MOVABLE.index(item.kind),
        0 if scene.held is None else 1 + HANDS.index(scene.held[0]),
        0 if scene.open_drawer is None else 1 + scene.open_drawer,
        int(scene.tap > 0.5),
        int(scene.lit),
    ]


def _positions(moment: Moment) -> list[float]:
    scene = moment.scene
    hands = [edge for hand in HANDS for edge in moment.poses[hand].at]
    fixed = [scene.kitchen.sink[0], scene.kitchen.board[0]]
    things: list[float] = []
    for kind in MOVABLE:
        found = sorted(scene.items[index].place[0] for index in scene.standing(kind))
        things += (found + [100 * ABSENT] * STANDING)[:STANDING]
    return hands + fixed + things


class FactHead(nn.Module):
    """Predicts the facts from a vision tower's mean feature of a frame, (n, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.choices = nn.Linear(width, sum(CHOICES))
        self.positions = nn.Linear(width, POSITIONS)

    def loss(self, summary: Tensor, facts: Facts) -> Tensor:
        """Cross-entropies of the choices, plus ten times the error of the present positions."""
        logits = self.choices(summary).split(CHOICES, dim=1)
        wrong = [F.cross_entropy(s, t) for s, t in zip(logits, facts.choices.T, strict=True)]
        there = facts.positions != ABSENT
        away = F.smooth_l1_loss(self.positions(summary)[there], facts.positions[there], beta=0.05)
        return torch.stack(wrong).sum() + 10 * away
