"""The training loop that all recipes share, and the disturbances that they train under."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

Step = Callable[[int], Tensor]  # the number of a step → its loss


@dataclass(frozen=True)
class TrainingConfig:
    """How long and how fast a network learns."""

    steps: int
    rate: float = 2e-3
    batch: int = 64
    decay: float = 0.02
    warm_up: float = 0.1  # share of the steps

    def shortened(self, steps: int) -> "TrainingConfig":
        """The same with fewer steps."""
        return replace(self, steps=steps)


@dataclass(frozen=True)
class Fitted:
    """What a training took, and its last mean loss."""

    config: TrainingConfig
    seconds: float
    loss: float


def fit(network: nn.Module, step: Step, config: TrainingConfig) -> Fitted:
    """Minimise the loss of `step` over the network's parameters; AdamW, one cycle of the rate.

    What `step` draws comes from PyTorch's own generator.
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
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            cycle.step()
            losses.append(loss.item())
            bar.set_postfix(loss=f"{sum(losses[-50:]) / len(losses[-50:]):.4f}", refresh=False)
    network.eval()
    tail = losses[-50:]
    return Fitted(config, round(time.process_time() - start, 1), round(sum(tail) / len(tail), 4))


def share(right: Iterable[bool]) -> float:
    """The share of what is right."""
    found = list(right)
    return round(sum(found) / len(found), 4)


def drawn_batch(count: int, size: int) -> Tensor:
    """Positions of a batch, drawn from PyTorch's own generator."""
    return torch.randint(count, (size,))


def disturbed(frames: Tensor) -> Tensor:
    """(n, 3, h, w) in [0, 1] as a generator might render them: softer, spotted, another light."""
    kept = torch.rand(len(frames), 1, 1, 1)
    soft = _softened(frames, int(torch.randint(20, 56, ())))
    frames = torch.where(kept < 0.5, soft, frames)
    spots = F.interpolate(torch.randn(len(frames), 3, 16, 16), frames.shape[-2:], mode="bilinear")
    grain = torch.randn_like(frames)
    strength = torch.rand(2, len(frames), 1, 1, 1) * 0.03
    light = 1 + 0.06 * torch.randn(len(frames), 3, 1, 1) * torch.rand(len(frames), 1, 1, 1)
    return (frames * light + strength[0] * spots + strength[1] * grain).clamp(0, 1)


def _softened(frames: Tensor, side: int) -> Tensor:
    small = F.interpolate(frames, (side, side), mode="bilinear", antialias=True)
    return F.interpolate(small, frames.shape[-2:], mode="bicubic").clamp(0, 1)
