"""DreamSim's recipe: an adapter of the toy DINOv2 that ranks triplets of frames.

As published, a hinge loss on two-alternative choices trains low-rank changes of the attention's
queries, keys and values. The nearer frame of a triplet is the less distorted one, or the one that
shares more with the reference: the moment, the clip or the kitchen.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from egoactgen_bench.metrics import dreamsim_adapter
from egoactgen_bench.metrics.dreamsim_network import build_vit, embed, load_dreamsim, renamed
from egoactgen_bench.metrics.tensors import IMAGENET_MEAN, IMAGENET_STD, normalise
from egoactgen_bench.support.files import write_json
from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.networks.frame_triplets import Triplets, TripletSampler
from egoactgen_bench.toy.networks.toy_dino import FOLDER as DINO
from egoactgen_bench.toy.networks.toy_egovlp import space_blocks
from egoactgen_bench.toy.networks.toy_fitting import TrainingConfig, TrainingResult, fit
from egoactgen_bench.weights.stored_tensors import read_tensors, write_tensors

TRAINING = TrainingConfig(steps=900, rate=2e-3, batch=32, decay=0.0)
FILE, FOLDER = "dreamsim.safetensors", "dreamsim"
RANK, ALPHA = 8, 8
MARGIN = 0.05  # DreamSim's
CHECKED = 1000  # triplets of each kind


class _Adapted(nn.Module):
    """The frozen network with the adapter's changes, which are trained."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        self._state, self._network = state, [build_vit(state)]  # in a list: not trained
        self._adapted = [
            name.removesuffix(".weight")
            for name in state
            if name.endswith(dreamsim_adapter.ADAPTED)
        ]
        self.pairs = nn.ParameterList()
        for module in self._adapted:
            outer, inner = state[f"{module}.weight"].shape
            self.pairs.append(torch.randn(RANK, inner) / inner**0.5)
            self.pairs.append(torch.zeros(outer, RANK))

    def changes(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Module of the network → its (A, B)."""
        halves = list(self.pairs)
        pairs = zip(halves[::2], halves[1::2], strict=True)
        return dict(zip(self._adapted, pairs, strict=True))

    def forward(self, frames: Tensor) -> Tensor:
        """(n, 3, 64, 64) in [0, 1] → (n, d) embeddings."""
        weights = {
            f"{module}.weight": self._state[f"{module}.weight"] + ALPHA / RANK * second @ first
            for module, (first, second) in self.changes().items()
        }

        def network(pixels: Tensor, **options: bool) -> object:
            return functional_call(self._network[0], renamed(weights), (pixels,), options)

        return embed(network, normalise(frames, IMAGENET_MEAN, IMAGENET_STD))


def train(drawn: Drawn, folder: Path, config: TrainingConfig = TRAINING) -> TrainingResult:
    """Write `dreamsim.safetensors`, DINO's part, and `dreamsim/`, the adapter as peft saves it."""
    write_tensors(folder / FILE, space_blocks(read_tensors(folder / DINO / "model.safetensors")))
    network, sampler = _Adapted(read_tensors(folder / FILE)), TripletSampler(drawn)

    def step(number: int) -> Tensor:
        draw = sampler.distortions if number % 2 else sampler.states
        return hinge(distances(network, draw(config.batch)))

    result = fit(network, step, config)
    write_tensors(
        folder / FOLDER / dreamsim_adapter.TENSORS,
        {
            f"{dreamsim_adapter.PREFIX}{module}.lora_{half}.weight": tensor
            for module, pair in network.changes().items()
            for half, tensor in zip("AB", pair, strict=True)
        },
    )
    write_json(
        folder / FOLDER / dreamsim_adapter.CONFIG,
        {
            "peft_type": "LORA",
            "r": RANK,
            "lora_alpha": ALPHA,
            "bias": "none",
            "target_modules": ["qkv"],
        },
    )
    return result


def distances(network: Callable[[Tensor], Tensor], triplets: Triplets) -> tuple[Tensor, Tensor]:
    """(n,) distances of the near and of the far frame to the reference."""
    sides = network(torch.cat([triplets.reference, triplets.near, triplets.far])).chunk(3)
    near, far = (1 - (sides[0] * side).sum(1) for side in sides[1:])
    return near, far


def hinge(found: tuple[Tensor, Tensor]) -> Tensor:
    """The mean of max(0, margin − (far − near))."""
    near, far = found
    return (MARGIN - far + near).clamp(min=0).mean()


def check(drawn: Drawn, folder: Path) -> dict[str, float]:
    """The fraction of triplets whose near frame is nearer, by kind of triplet."""
    vit = load_dreamsim(folder / FILE, folder / FOLDER)
    sampler = TripletSampler(drawn)

    def network(frames: Tensor) -> Tensor:
        return embed(vit, normalise(frames, IMAGENET_MEAN, IMAGENET_STD))

    def correct(triplets: Triplets) -> float:
        near, far = distances(network, triplets)
        return round(float((near < far).float().mean()), 4)

    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(0)
        return {
            "distortions": correct(sampler.distortions(CHECKED)),
            "states": correct(sampler.states(CHECKED)),
        }
