"""Which samples a step learns from, and the random stream of each: no state to be carried along."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch

from egoactgen_bench.support.seeds import derive_seed, torch_generator


@dataclass(frozen=True)
class SampleDraw:
    """One sample's turn in a training: sample number `sample` in step `step`, for the n-th time."""

    sample: int
    step: int
    turn: int

    def generator(self, seed: int, sample_id: str) -> torch.Generator:
        """The stream of all drawn for this sample."""
        return torch_generator(derive_seed(seed, f"step {self.step}", f"{self.turn}", sample_id))


def sample_draws(seed: int, step: int, positions: range, samples: int) -> Iterator[SampleDraw]:
    """The draws at `positions` of a training: all samples shuffled, then shuffled again …"""
    for position in positions:
        turn, place = divmod(position, samples)
        yield SampleDraw(_order(seed, turn, samples)[place], step, turn)


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, samples: int) -> list[int]:
    generator = torch_generator(derive_seed(seed, "order", str(turn)))
    return [int(number) for number in torch.randperm(samples, generator=generator)]
