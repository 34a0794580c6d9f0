"""The lpips package's networks, with trunks from local files."""

import functools
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from egoactgen_bench.errors import BenchError
from egoactgen_bench.metrics.tensors import evaluating, resize_bilinear, unit_tensor
from egoactgen_bench.weights.checkpoints import read_checkpoint

PAIRS_AT_ONCE = 8  # VGG's activations of one pair at 456×256 take a quarter of a gigabyte

Trunk = Literal["squeeze", "alex", "vgg"]
Range = Literal["-1..1", "0..1"]


@evaluating()
def distances(
    network: Any, outputs: Sequence[Image.Image], targets: Sequence[Image.Image], fed: Range
) -> NDArray[np.float32]:
    """(n,) LPIPS of n pairs; an output of another size is resized to its target's, bilinear."""
    device = next(network.parameters()).device
    by_size: dict[tuple[int, int], list[int]] = {}
    for index, target in enumerate(targets):
        by_size.setdefault(target.size, []).append(index)
    values = np.empty(len(targets), dtype=np.float32)
    for (width, height), indices in by_size.items():
        for start in range(0, len(indices), PAIRS_AT_ONCE):
            chunk = indices[start : start + PAIRS_AT_ONCE]
            sides = (
                torch.stack([resize_bilinear(unit_tensor(f[i]), height, width) for i in chunk])
                for f in (outputs, targets)
            )
            # lpips' `normalize` takes [0, 1] to [-1, 1]; left out, it is fed what it is given.
            found = network(*(side.to(device) for side in sides), normalize=fed == "-1..1")
            values[chunk] = found.flatten().cpu().numpy()
    return values


@functools.cache
def load_lpips(
    trunk: Trunk, weights: Path, device: str = "cpu", uniform: bool = False
) -> nn.Module:
    """The network in eval mode: lpips' own linear heads on the trunk of a torchvision file.

    With `uniform`, heads that weigh all channels alike: lpips' were fitted to published trunks.
    """
    try:
        network: Any = build_lpips(trunk, read_checkpoint(weights))
        if uniform:
            for head in network.lins:
                nn.init.constant_(head.model[-1].weight, 1 / len(network.lins))
        evaluated: nn.Module = network.to(device)
        return evaluated
    except (KeyError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:300]
        raise BenchError(f"{weights} does not fit LPIPS' trunk '{trunk}': {detail}.") from None


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
