"""The judge's recipe: true pairs of frames, and pairs between which nothing happens."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from egoactgen_bench.toy.judge_metrics import NEAR
from egoactgen_bench.toy.judge_network import SIZE, VERDICTS, JudgeNetwork, load_judge
from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.networks.toy_fitting import (
    TrainingConfig,
    TrainingResult,
    corrupted,
    drawn_batch,
    fit,
    fraction,
)
from egoactgen_bench.toy.world.scene import HANDS
from egoactgen_bench.weights.stored_tensors import write_tensors

TRAINING = TrainingConfig(steps=900)
IDLE = 0.12  # fraction of a batch in which nothing happens


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `judge.safetensors`."""
    network = JudgeNetwork()
    truth = _Truth(drawn)

    def step(number: int) -> Tensor:
        differences, actions, hands, places = truth.batch(config.batch)
        action_logits, hand_logits, predicted = network(differences)
        acting = actions > 0
        loss = F.cross_entropy(action_logits, actions, label_smoothing=0.05)
        loss = loss + 0.5 * F.cross_entropy(hand_logits[acting], hands[acting])
        distance = F.smooth_l1_loss(predicted[acting], places[acting], beta=0.05)
        return loss + 10 * distance

    result = fit(network, step, config)
    write_tensors(folder / "judge.safetensors", network.state_dict())
    return result


class _Truth:
    """Random batches of frame differences with their labels."""

    def __init__(self, drawn: Drawn) -> None:
        self._frames = drawn.frames
        self._actions = torch.tensor([VERDICTS.index(action) for action in drawn.actions])
        self._hands = torch.tensor([HANDS.index(hand) for hand in drawn.hands])
        self._places = torch.from_numpy(drawn.places)

    def batch(self, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Differences (size, 3, 64, 64), actions (size,), hands (size,), places (size, 2)."""
        chosen = drawn_batch(len(self._actions), size)
        pairs = torch.from_numpy(self._frames[chosen.numpy()]).permute(1, 0, 4, 2, 3) / 255
        before, after = pairs
        actions, hands = self._actions[chosen].clone(), self._hands[chosen].clone()
        places = self._places[chosen].clone()
        idle = torch.rand(size) < IDLE
        after[idle] = _shifted(before[idle])
        actions[idle] = 0
        after = torch.where(torch.rand(size, 1, 1, 1) < 0.6, corrupted(after), after)
        differences = after - before
        mirrored = torch.rand(size) < 0.5
        differences[mirrored] = differences[mirrored].flip(-1)
        hands[mirrored] = 1 - hands[mirrored]
        places[mirrored, 0] = 1 - places[mirrored, 0]
        return differences, actions, hands, places


def _shifted(frames: Tensor) -> Tensor:
    """The frames shifted by up to two pixels, with a probability of 0.7: a moving camera."""
    offsets = torch.randint(-2, 3, (2,)).tolist() if torch.rand(()) < 0.7 else [0, 0]
    padded = F.pad(frames, (2, 2, 2, 2), mode="replicate")
    rows, columns = (slice(2 + offset, 2 + offset + SIZE) for offset in offsets)
    return padded[..., rows, columns]


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Accuracy of verdicts on true frames, and on copies of the frame before."""
    judge = load_judge(folder / "judge.safetensors")
    before, after = ([Image.fromarray(frame) for frame in drawn.frames[:, i]] for i in (0, 1))
    verdicts = judge.read(before, after)
    copies = judge.read(before, before)
    places = np.array([verdict.place for verdict in verdicts])
    near = np.linalg.norm(places - drawn.places, axis=1) <= NEAR

    return {
        "action": fraction(
            v.action == true for v, true in zip(verdicts, drawn.actions, strict=True)
        ),
        "hand": fraction(v.hand == true for v, true in zip(verdicts, drawn.hands, strict=True)),
        "target": fraction(near),
        "action_on_copies": fraction(
            v.action == true for v, true in zip(copies, drawn.actions, strict=True)
        ),
    }
