"""The training loop that all recipes share, and the image corruptions for augmentation."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

Step = Callable[[int], Tensor]  # step number → loss


@dataclass(frozen=True)
class TrainingConfig:
    """Hyperparameters of a training: AdamW with a one-cycle learning rate."""

    steps: int
    rate: float = 2e-3
    batch: int = 64
    decay: float = 0.02
    warm_up: float = 0.1  # fraction of the steps

    def shortened(self, steps: int) -> "TrainingConfig":
        """The same configuration with another number of steps."""
        return replace(self, steps=steps)


@dataclass(frozen=True)
class TrainingResult:
    """Processor seconds of a training, and the mean loss of its last 50 steps."""

    config: TrainingConfig
    seconds: float
    loss: float


# A loop of its own, not the denoisers' resumable one: these fits take minutes in one process,
# so they need no checkpoints, and they draw from PyTorch's global generator as the shipped weights
# did.
def fit(network: nn.Module, step: Step, config: TrainingConfig) -> TrainingResult:
    """Minimise the loss of `step` over the network's parameters, with gradients clipped to norm 1.

    `step` draws its batches from PyTorch's global generator.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, config.rate, weight_decay=config.decay)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.rate, config.steps, pct_start=config.warm_up
    )
    network.train()
    losses: list[float] = []
    start = time.process_time()
    with trange(config.steps, unit="step", mininterval=5) as bar:
        for number in bar:
            loss = step(number)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            cycle.step()
            losses.append(loss.item())
            bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.4f}", refresh=False)
    network.eval()
    tail = losses[-50:]
    seconds = round(time.process_time() - start, 1)
    return TrainingResult(config, seconds, round(sum(tail) / len(tail), 4))


def fraction(correct: Iterable[bool]) -> float:
    """The fraction of true values, rounded to four digits."""
    values = list(correct)
    return round(sum(values) / len(values), 4)


def drawn_batch(count: int, size: int) -> Tensor:
    """(size,) random indices below `count`, from PyTorch's global generator."""
    return torch.randint(count, (size,))


def corrupted(frames: Tensor) -> Tensor:
    """Frames (n, 3, h, w) in [0, 1] with artefacts of generators: blur, spots, noise, tint."""
    kept = torch.rand(len(frames), 1, 1, 1)
    soft = _blurred(frames, int(torch.randint(20, 56, ())))
    frames = torch.where(kept < 0.5, soft, frames)
    spots = F.interpolate(torch.randn(len(frames), 3, 16, 16), frames.shape[-2:], mode="bilinear")
    grain = torch.randn_like(frames)
    strength = torch.rand(2, len(frames), 1, 1, 1) * 0.03
    light = 1 + 0.06 * torch.randn(len(frames), 3, 1, 1) * torch.rand(len(frames), 1, 1, 1)
    return (frames * light + strength[0] * spots + strength[1] * grain).clamp(0, 1)


def _blurred(frames: Tensor, side: int) -> Tensor:
    small = F.interpolate(frames, (side, side), mode="bilinear", antialias=True)
    return F.interpolate(small, frames.shape[-2:], mode="bicubic").clamp(0, 1)
