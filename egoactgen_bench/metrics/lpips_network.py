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
from torch.nn.functional import interpolate

from egoactgen_bench.api.metric_batch import Size
from egoactgen_bench.metrics.tensors import evaluating, placed, resize_bilinear, unit_tensor
from egoactgen_bench.weights.foreign_checkpoints import read_checkpoint
from egoactgen_bench.weights.stored_tensors import must_fit

FRAMES_AT_ONCE = 8  # on a GPU; VGG's activations of one frame of 456×256 take 0.1 GB

Trunk = Literal["squeeze", "alex", "vgg"]
Range = Literal["-1..1", "0..1"]
Features = list[Tensor]  # per layer of the trunk: (n, channels, height, width), of unit norm


@evaluating()
def embed(network: Any, frames: Sequence[Image.Image], size: Size, value_range: Range) -> Features:
    """Features of frames, each resized to `size` (width, height) first, bilinearly."""
    width, height = size
    pixels = torch.stack([resize_bilinear(unit_tensor(frame), height, width) for frame in frames])
    pixels = pixels.to(next(network.parameters()).device)
    if value_range == "-1..1":
        pixels = 2 * pixels - 1
    return [normalize_tensor(layer) for layer in network.net(network.scaling_layer(pixels))]


@evaluating()
def distances(network: Any, first: Features, second: Features) -> NDArray[np.float32]:
    """(n,) LPIPS of n pairs: squared differences, averaged over pixels, weighted per channel."""
    weighted = (
        head((one - other).square_().mean(dim=(2, 3), keepdim=True)).flatten()
        for head, one, other in zip(network.lins, first, second, strict=True)
    )
    found: NDArray[np.float32] = sum(weighted, torch.tensor(0.0)).cpu().numpy()
    return found


@evaluating()
def maps(
    network: Any, first: Features, second: Features, sizes: Sequence[Size]
) -> list[NDArray[np.float32]]:
    """(height, width) spatial LPIPS of each pair in a frame of the given (width, height).

    Each layer's weighted squared differences are upsampled bilinearly and summed, as lpips does
    with `spatial=True`.
    """
    layers = [
        head((one - other).square_())
        for head, one, other in zip(network.lins, first, second, strict=True)
    ]
    found: list[NDArray[np.float32]] = []
    for position, (width, height) in enumerate(sizes):
        upsampled = (
            interpolate(layer[position, None], (height, width), mode="bilinear") for layer in layers
        )
        found.append(sum(upsampled, torch.tensor(0.0))[0, 0].cpu().numpy())
    return found


def chunks(frames: Sequence[Image.Image], device: str) -> list[list[int]]:
    """Positions of frames of equal size, in chunks of the number that is fastest on `device`."""
    at_once = 1 if device == "cpu" else FRAMES_AT_ONCE  # one frame's layers fit a CPU's cache
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
    """The network in eval mode: the linear heads of lpips on the trunk of a torchvision file.

    With `uniform`, the heads weigh all channels equally: those of lpips fit only published trunks.
    """
    with must_fit(weights, f"LPIPS' trunk '{trunk}'"):
        network: Any = build_lpips(trunk, read_checkpoint(weights))
        if uniform:
            for head in network.lins:
                nn.init.constant_(head.model[-1].weight, 1 / len(network.lins))
        evaluated: nn.Module = placed(network, device)
        return evaluated


def build_lpips(trunk: Trunk, state: dict[str, torch.Tensor]) -> nn.Module:
    """The network with the trunk `state` (torchvision's names), loaded strictly."""
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lpips calls torchvision in a deprecated way
        network = lpips.LPIPS(net=trunk, pnet_rand=True, verbose=False)
    # lpips cuts torchvision's `features` into slices: slice2.3.weight is features.3.weight.
    sources = {name: f"features.{name.split('.', 1)[1]}" for name in network.net.state_dict()}
    named = {name: state[source] for name, source in sources.items()}
    # The rest of the networks that trunks are taken from: torchvision's, and the toy SqueezeNet.
    heads = ("features.", "classifier.", "embed.")
    unknown = [name for name in state if not name.startswith(heads)]
    if unknown:
        raise ValueError(f"unknown tensors, among them {min(unknown)}")
    network.net.load_state_dict(named, strict=True)
    network.requires_grad_(False)
    evaluated: nn.Module = network.eval()
    return evaluated
