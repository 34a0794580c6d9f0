"""The toy kitchen's judge: which action happens between two frames, by which hand, and where.

Its input is the difference after − before only. A judge that sees both frames could infer the
action from the hand already moving in the first one, and credit an output that does not show it.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.metrics.tensors import evaluating
from egoactgen_bench.support import images
from egoactgen_bench.toy import stand_ins
from egoactgen_bench.toy.world.actions import ACTIONS
from egoactgen_bench.toy.world.scene import HANDS
from egoactgen_bench.weights.stored_tensors import load_network

SIZE = 64  # pixels per side
NOTHING = "nothing"  # the verdict if no action is seen
VERDICTS = (NOTHING, *sorted(ACTIONS))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The action, the hand ("left", "right") and the place (x, y as fractions of the frame's side).

    `action` is a key of `ACTIONS` ("take mug"), or "nothing".
    """

    action: str
    hand: str
    place: tuple[float, float]

    @property
    def acted(self) -> bool:
        """Whether any action is seen."""
        return self.action != NOTHING


class JudgeNetwork(nn.Module):
    """A small convolutional network with batch normalisation and three linear heads."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _convolution(3, 32, kernel=5, stride=2),
            _convolution(32, 48, stride=2),
            _convolution(48, 48),
            _convolution(48, 96, stride=2),
            _convolution(96, 96),
            _convolution(96, 128, stride=2),
            nn.Flatten(),
            nn.Linear(128 * (SIZE // 16) ** 2, 192),
            nn.ReLU(),
        )
        self.action = nn.Linear(192, len(VERDICTS))
        self.hand = nn.Linear(192, len(HANDS))
        self.place = nn.Linear(192, 2)

    def forward(self, difference: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n, 3, 64, 64) in [−1, 1] → logits of actions and of hands, and places (n, 2)."""
        features = self.trunk(difference)
        return self.action(features), self.hand(features), self.place(features)


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class Judge:
    """A trained judge."""

    def __init__(self, network: JudgeNetwork) -> None:
        self.network = network
        self.device = network.place.weight.device

    @evaluating()
    def read(self, before: Sequence[Image.Image], after: Sequence[Image.Image]) -> list[Verdict]:
        """A verdict for each pair of RGB images of any size."""
        pairs = zip(before, after, strict=True)
        changes = np.stack([difference(_pixels(first), _pixels(last)) for first, last in pairs])
        actions, hands, places = self.network(torch.from_numpy(changes).to(self.device))
        predictions = (actions.argmax(1).tolist(), hands.argmax(1).tolist(), places.tolist())
        return [
            Verdict(VERDICTS[action], HANDS[hand], (place[0], place[1]))
            for action, hand, place in zip(*predictions, strict=True)
        ]


def difference(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(…, h, w, 3) uint8 → (…, 3, h, w) float32: after − before, in [−1, 1]."""
    change = images.uint8_to_unit(after) - images.uint8_to_unit(before)
    return np.ascontiguousarray(np.moveaxis(change, -1, -3))


def _pixels(frame: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(images.resize(frame, (SIZE, SIZE)))


@functools.cache
def load_judge(weights: Path | None = None, device: str = "cpu") -> Judge:
    """The judge with weights from a safetensors file, by default those in the package."""
    path = weights or stand_ins.JUDGE
    return Judge(load_network(JudgeNetwork(), path, "the judge's network", device))
