"""The lpips package's networks, with trunks from local files."""

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lpips import normalize_tensor
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from egoactgen_bench.api.metric_batch import Size
from egoactgen_bench.metrics.tensors import evaluating, placed, resize_bilinear, unit_tensor
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.stored_tensors import must_fit

FRAMES_AT_ONCE = 8  # on a GPU; VGG's activations of one at 456×256 take 0.1 gigabyte

Trunk = Literal["squeeze", "alex", "vgg"]
Range = Literal["-1..1", "0..1"]
Features = list[Tensor]  # of each of the trunk's layers: (n, channels, height, width) of length 1


@evaluating()
def embed(network: Any, frames: Sequence[Image.Image], size: Size, fed: Range) -> Features:
    """Features of frames, each brought to `size` first by a bilinear resize."""
    width, height = size
    pixels = torch.stack([resize_bilinear(unit_tensor(frame), height, width) for frame in frames])
    pixels = pixels.to(next(network.parameters()).device)
    if fed == "-1..1":
        pixels = 2 * pixels - 1
    return [normalize_tensor(layer) for layer in network.net(network.scaling_layer(pixels))]


@evaluating()
def distances(network: Any, first: Features, second: Features) -> NDArray[np.float32]:
    """(n,) LPIPS of n pairs: squared differences, averaged over places, weighted by channel."""
    weighted = (
        head((one - other).square_().mean(dim=(2, 3), keepdim=True)).flatten()
        for head, one, other in zip(network.lins, first, second, strict=True)
    )
    found: NDArray[np.float32] = sum(weighted, torch.tensor(0.0)).cpu().numpy()
    return found


def chunks(frames: Sequence[Image.Image], device: str) -> list[list[int]]:
    """Positions of frames of one size, as many together as `device` is fastest with."""
    at_once = 1 if device == "cpu" else FRAMES_AT_ONCE  # a CPU's cache holds one frame's layers
    by_size: dict[Size, list[int]] = {}
    for position, frame in enumerate(frames):
        by_size.setdefault(frame.size, []).append(position)
    return [
        positions[start : start + at_once]
        for positions in by_size.values()
        for start in range(0, len(positions), at_once)
    ]


@functools.cache
def load_lpips(
    trunk: Trunk, weights: Path, device: str = "cpu", uniform: bool = False
) -> nn.Module:
    """The network in eval mode: lpips' own linear heads on the trunk of a torchvision file.

    With `uniform`, heads that weigh all channels alike: lpips' were fitted to published trunks.
    """
    with must_fit(weights, f"LPIPS' trunk '{trunk}'"):
        network: Any = build_lpips(trunk, read_checkpoint(weights))
        if uniform:
            for head in network.lins:
                nn.init.constant_(head.model[-1].weight, 1 / len(network.lins))
        evaluated: nn.Module = placed(network, device)
        return evaluated


def build_lpips(trunk: Trunk, state: dict[str, torch.Tensor]) -> nn.Module:
    """The network with its trunk strictly filled from `state`, named as in torchvision."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips asks torchvision in a way that it deprecates
        network = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
    # lpips cuts torchvision's `features` into slices: slice2.3.weight is features.3.weight.
    named = {name: state[f"features.{name.split('.', 1)[1]}"] for name in network.net.state_dict()}
    network.net.load_state_dict(named, strict=True)
    network.requires_grad_(False)
    return network.eval()
