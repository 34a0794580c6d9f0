"""SqueezeNet's recipe: it names the action, the kitchen, and whether the frame was disturbed.

So its features tell what is in a frame, how it looks, and whether it is clean: what LPIPS, FID and
KID compare.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import fuse_conv_bn_eval

from egoactgen_bench.metrics.squeezenet_features import WIDTH, ToyFeatures, load_features
from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise
from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.networks.frame_supervision import Naming, Supervision, unit_frames
from egoactgen_bench.toy.networks.neighbours import nearest_has_same_action
from egoactgen_bench.toy.networks.toy_fitting import Fitted, TrainingConfig, disturbed, fit
from egoactgen_bench.weights.stored_tensors import write_tensors

TRAINING = TrainingConfig(steps=640)
FILE = "squeezenet.safetensors"
DISTURBED = 0.3  # share of a batch


class _Learning(nn.Module):
    """The features with what names things by them."""

    def __init__(self, features: ToyFeatures) -> None:
        super().__init__()
        self.features = features
        self.naming = Naming(WIDTH)
        self.disturbed = nn.Linear(WIDTH, 2)


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> Fitted:
    """Write `squeezenet.safetensors`."""
    truth = Supervision(drawn)
    network = _Learning(ToyFeatures())
    _with_norms(network.features)

    def step(number: int) -> Tensor:
        batch = truth.batch(config.batch)
        spoilt = torch.rand(config.batch) < DISTURBED
        frames = torch.where(spoilt[:, None, None, None], disturbed(batch.frames), batch.frames)
        seen = network.features(normalise(frames, IMAGENET_MEAN, IMAGENET_STD))
        quality = F.cross_entropy(network.disturbed(seen), spoilt.long())
        return 2 * network.naming(seen, batch) + 0.5 * quality

    fitted = fit(network, step, config)
    write_tensors(folder / FILE, _folded(network.features).state_dict())
    return fitted


def _with_norms(module: nn.Module) -> nn.Module:
    """The module with a batch norm behind every convolution, with which it learns faster."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            setattr(module, name, _Normed(child, nn.BatchNorm2d(child.out_channels)))
        else:
            _with_norms(child)
    return module


def _folded(module: nn.Module) -> nn.Module:
    """The module in eval mode with its batch norms taken into the convolutions before them."""
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
    """How often the nearest other clip, by features of true frames, shows the same action."""
    after = unit_frames(drawn, 1)
    with torch.inference_mode():
        seen = load_features(folder / FILE)(normalise(after, IMAGENET_MEAN, IMAGENET_STD))
    return nearest_has_same_action(seen, drawn)
