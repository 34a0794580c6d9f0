"""Optical flow of two frames by RAFT (Teed and Deng 2020), in torchvision's implementation."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from egoactgen_bench.api.metric_batch import Size
from egoactgen_bench.metrics.tensors import evaluating, unit_tensor
from egoactgen_bench.support.images import resize
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.stored_tensors import must_fit

STRIDE = 8  # pixels of a frame per cell of the network's features
STEM = "feature_encoder.convnormrelu.0.weight"  # whose width tells the networks apart


@dataclass(frozen=True)
class Architecture:
    """A RAFT, and how it is run.

    `sides` is the range of the shorter side in pixels, to which frames are resized: 128 is the
    least that RAFT's pyramid of correlations takes; 256 is the height of a split's frames, and
    memory grows with the fourth power of the side. `updates` is the number of iterations.
    """

    build: Callable[[], Any]
    stem: int  # channels of the first convolution
    sides: tuple[int, int]
    updates: int


@dataclass(frozen=True)
class FlowNetwork:
    """A RAFT with its weights, in eval mode."""

    network: nn.Module
    architecture: Architecture
    device: str

    @evaluating()
    def flow(self, first: Image.Image, second: Image.Image) -> NDArray[np.float32]:
        """Where each pixel of `first` is in `second`, which has the same size.

        (2, h, w) float32, w × h being the working size: displacements x and y in pixels of the
        frames. Equal frames have a flow of exactly 0.
        """
        width, height = self.working_size(first.size)
        if first.tobytes() == second.tobytes():
            return np.zeros((2, height, width), np.float32)
        pair = (network_input(resize(frame, (width, height))) for frame in (first, second))
        updates = self.architecture.updates
        flows = self.network(*(each.to(self.device) for each in pair), num_flow_updates=updates)
        found: NDArray[np.float32] = flows[-1][0, :, :height, :width].cpu().numpy()
        scale = np.array([first.width / width, first.height / height], np.float32)
        return found * scale[:, None, None]

    def working_size(self, size: Size) -> Size:
        """(width, height) at which the flow of frames of `size` is computed; keeps their shape."""
        least, most = self.architecture.sides
        shorter = min(size)
        scale = min(max(shorter, least), most) / shorter
        return round(size[0] * scale), round(size[1] * scale)


def network_input(frame: Image.Image) -> Tensor:
    """(1, 3, h, w) in [-1, 1], as RAFT's published preprocessing, padded to multiples of 8."""
    right, bottom = (-side % STRIDE for side in frame.size)
    return F.pad((unit_tensor(frame)[None] - 0.5) / 0.5, (0, right, 0, bottom), mode="replicate")


@functools.cache
def load_flow(weights: Path, device: str = "cpu") -> FlowNetwork:
    """The network of a file: torchvision's `raft_large` or the toy RAFT, loaded strictly."""
    with must_fit(weights, "RAFT"):
        state = read_checkpoint(weights)
        architecture = architecture_of(weights)
        network: nn.Module = architecture.build()
        network.load_state_dict(state, strict=True)
    return FlowNetwork(network.requires_grad_(False).eval().to(device), architecture, device)


@functools.cache
def architecture_of(weights: Path) -> Architecture:
    """Which RAFT a file has the weights of."""
    with must_fit(weights, "RAFT"):
        stem = read_checkpoint(weights)[STEM].shape[0]
        found = next((each for each in (RAFT_LARGE, TOY_RAFT) if each.stem == stem), None)
        if found is None:
            raise ValueError(f"{STEM} has {stem} channels instead of {RAFT_LARGE.stem}")
        return found


def build_raft_large() -> nn.Module:
    """torchvision's `raft_large` with random weights."""
    from torchvision.models.optical_flow import raft_large

    network: nn.Module = raft_large(weights=None)
    return network


def build_toy_raft() -> nn.Module:
    """torchvision's RAFT with small encoders and random weights, 0.4 million parameters.

    Its pyramid of correlations has three levels, the most for frames of 128 × 128.
    """
    from torchvision.models.optical_flow import raft

    hidden, context, motion = 32, 32, 40
    encoder: dict[str, Any] = {"block": raft.ResidualBlock, "strides": (2, 2, 2, 1)}
    correlations = raft.CorrBlock(num_levels=3, radius=3)
    encoded = raft.MotionEncoder(
        in_channels_corr=correlations.out_channels,
        corr_layers=(48,),
        flow_layers=(24, 16),
        out_channels=motion,
    )
    recurrent = raft.RecurrentBlock(
        input_size=motion + context, hidden_size=hidden, kernel_size=(3,), padding=(1,)
    )
    network: nn.Module = raft.RAFT(
        feature_encoder=raft.FeatureEncoder(
            layers=(16, 24, 40, 40, 48), norm_layer=nn.InstanceNorm2d, **encoder
        ),
        context_encoder=raft.FeatureEncoder(
            layers=(16, 24, 40, 40, hidden + context), norm_layer=nn.BatchNorm2d, **encoder
        ),
        corr_block=correlations,
        update_block=raft.UpdateBlock(
            motion_encoder=encoded,
            recurrent_block=recurrent,
            flow_head=raft.FlowHead(in_channels=hidden, hidden_size=48),
        ),
    )
    return network


RAFT_LARGE = Architecture(build_raft_large, stem=64, sides=(128, 256), updates=12)
TOY_RAFT = Architecture(build_toy_raft, stem=16, sides=(128, 128), updates=4)
