"""SqueezeNet's recipe: it classifies the action, the kitchen, and whether the frame is corrupted.

So its features encode content, appearance and image quality, which LPIPS, FID and KID compare.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval

from egoactgen_bench.metrics.squeezenet_features import WIDTH, ToyFeatures, load_features
from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise
from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.networks.frame_supervision import AuxiliaryHeads, Supervision, unit_frames
from egoactgen_bench.toy.networks.neighbours import nearest_has_same_action
from egoactgen_bench.toy.networks.toy_fitting import TrainingConfig, TrainingResult, corrupted, fit
from egoactgen_bench.weights.stored_tensors import write_tensors

TRAINING = TrainingConfig(steps=640)
FILE = "squeezenet.safetensors"
CORRUPTED = 0.3  # fraction of a batch


class _Learning(nn.Module):
    """The feature network with its heads for training."""

    def __init__(self, features: ToyFeatures) -> None:
        super().__init__()
        self.features = features
        self.heads = AuxiliaryHeads(WIDTH)
        self.corrupted = nn.Linear(WIDTH, 2)


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `squeezenet.safetensors`."""
    truth = Supervision(drawn)
    network = _Learning(ToyFeatures())
    _with_norms(network.features)

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        corrupt = torch.rand(config.batch) < CORRUPTED
        frames = torch.where(corrupt[:, None, None, None], corrupted(batch.frames), batch.frames)
        features = network.features(normalise(frames, IMAGENET_MEAN, IMAGENET_STD))
        quality_loss = F.cross_entropy(network.corrupted(features), corrupt.long())
        auxiliary_loss: Tensor = network.heads(features, batch)
        return 2 * auxiliary_loss + 0.5 * quality_loss

    result = fit(network, step, config)
    write_tensors(folder / FILE, _folded(network.features).state_dict())
    return result


def _with_norms(module: nn.Module) -> nn.Module:
    """The module with a batch norm after every convolution, for faster training."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(module, name, _Normed(child, nn.BatchNorm2d(child.out_channels)))
        else:
            _with_norms(child)
    return module


def _folded(module: nn.Module) -> nn.Module:
    """The module in eval mode with its batch norms fused into the preceding convolutions."""
    for name, child in list(module.named_children()):
        if isinstance(child, _Normed):
            setattr(module, name, fuse_conv_bn_eval(child.convolution, child.norm))
        else:
            _folded(child)
    return module


class _Normed(nn.Module):
    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.convolution, self.norm = convolution, norm

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.convolution(x))
        return normed


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """Nearest-neighbour accuracy of frames after the action."""
    after = unit_frames(drawn, 1)
    with torch.inference_mode():
        features = load_features(folder / FILE)(normalise(after, IMAGENET_MEAN, IMAGENET_STD))
    return nearest_has_same_action(features, drawn)
