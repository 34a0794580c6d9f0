"""What single frames are taught by: the action that they show, and what the kitchen is like."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.world import scene
from egoactgen_bench.toy.world.actions import ACTIONS

NOTHING = 0  # the action that a frame before shows
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
    """A batch of single frames, (n, 3, 64, 64) in [0, 1], and what is true of them.

    `names` (n, k): the action (0 before it), the hand, and the kitchen's materials; `places`
    (n, 2); `done` (n,) whether a frame shows the action; `clips` (n,) positions of their clips.
    """

    frames: Tensor
    names: Tensor
    places: Tensor
    done: Tensor
    clips: Tensor


class Supervision:
    """Batches of drawn frames, most of them of after the action."""

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
        """Frames drawn from PyTorch's own generator."""
        clips = torch.randint(len(self._names), (size,))
        return self.of(clips, torch.rand(size) >= self._before)

    def of(self, clips: Tensor, done: Tensor) -> FrameBatch:
        """The frames after of those clips that are `done`, the frames before of the others."""
        frames = torch.from_numpy(self._frames[clips.numpy(), done.long().numpy()])
        names = self._names[clips].clone()
        names[~done, 0] = NOTHING
        return FrameBatch(frames.permute(0, 3, 1, 2) / 255, names, self._places[clips], done, clips)


class Naming(nn.Module):
    """What names an embedded frame's truth while its network learns."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.names = nn.ModuleList(nn.Linear(width, count) for count in Supervision.counts)
        self.place = nn.Linear(width, 2)

    def forward(self, embedded: Tensor, batch: FrameBatch) -> Tensor:
        """The loss of guesses from (n, width): the action's and the hand's weigh most."""
        action, hand, *materials = (
            F.cross_entropy(head(embedded), names)
            for head, names in zip(self.names, batch.names.unbind(1), strict=True)
        )
        guessed, true = self.place(embedded)[batch.done], batch.places[batch.done]
        where = F.smooth_l1_loss(guessed, true)
        return action + 0.5 * hand + sum(materials) / 8 + 10 * where


def unit_frames(drawn: Drawn, moment: int) -> Tensor:
    """(n, 3, 64, 64) in [0, 1]: all frames before (0) or after (1)."""
    return torch.from_numpy(drawn.frames[:, moment]).permute(0, 3, 1, 2) / 255
