"""Supervision of single frames: the action shown, and properties of the kitchen."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.world import scene
from egoactgen_bench.toy.world.actions import ACTIONS

NOTHING = 0  # the class of a frame before the action
_KINDS = {
    "wall": scene.WALLS,
    "counter": scene.COUNTERS,
    "cabinet": scene.CABINETS,
    "skin": scene.SKINS,
    "sleeve": scene.SLEEVES,
    "wooden": (False, True),
    "tiled": (False, True),
}


@dataclass(frozen=True)
class FrameBatch:
    """A batch of single frames, (n, 3, 64, 64) in [0, 1], with their labels.

    `names` (n, k): class indices of the action (0 before it), the hand and the kitchen's materials;
    `places` (n, 2): x, y as fractions of the frame's sides; `done` (n,): whether the frame is the
    one after the action; `clips` (n,): indices of the clips.
    """

    frames: Tensor
    names: Tensor
    places: Tensor
    done: Tensor
    clips: Tensor


class Supervision:
    """Random batches of frames; a fraction `before` of them precede the action."""

    counts = (1 + len(ACTIONS), len(scene.HANDS), *map(len, _KINDS.values()))

    def __init__(self, drawn: Drawn, before: float = 0.2) -> None:
        actions = {name: 1 + number for number, name in enumerate(sorted(ACTIONS))}
        names = [
            [
                actions[clip.action],
                scene.HANDS.index(clip.plan.hand),
                *(kinds.index(getattr(clip.scene.kitchen, name)) for name, kinds in _KINDS.items()),
            ]
            for clip in drawn.clips
        ]
        self._names, self._places = torch.tensor(names), torch.from_numpy(drawn.places)
        self._frames, self._before = drawn.frames, before

    def batch(self, size: int) -> FrameBatch:
        """A batch of random frames, from PyTorch's global generator."""
        clips = torch.randint(len(self._names), (size,))
        return self.of(clips, torch.rand(size) >= self._before)

    def of(self, clips: Tensor, done: Tensor) -> FrameBatch:
        """The frames of `clips`: after the action where `done`, before it elsewhere."""
        frames = torch.from_numpy(self._frames[clips.numpy(), done.long().numpy()])
        names = self._names[clips].clone()
        names[~done, 0] = NOTHING
        return FrameBatch(frames.permute(0, 3, 1, 2) / 255, names, self._places[clips], done, clips)


class AuxiliaryHeads(nn.Module):
    """Linear heads that predict a frame's labels from its embedding, during training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.classifiers = nn.ModuleList(nn.Linear(width, count) for count in Supervision.counts)
        self.place = nn.Linear(width, 2)

    def forward(self, embedded: Tensor, batch: FrameBatch) -> Tensor:
        """The weighted loss of all heads on embeddings (n, width); a scalar."""
        action, hand, *materials = (
            F.cross_entropy(head(embedded), names)
            for head, names in zip(self.classifiers, batch.names.unbind(1), strict=True)
        )
        predicted, true = self.place(embedded)[batch.done], batch.places[batch.done]
        place = F.smooth_l1_loss(predicted, true)
        return action + 0.5 * hand + sum(materials) / 8 + 10 * place


def unit_frames(drawn: Drawn, moment: int) -> Tensor:
    """(n, 3, 64, 64) in [0, 1]: all frames before (`moment` 0) or after (1) the action."""
    return torch.from_numpy(drawn.frames[:, moment]).permute(0, 3, 1, 2) / 255
