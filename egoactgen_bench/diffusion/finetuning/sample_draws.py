"""The samples of a training step, and the random stream of each, computed without any state."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import torch

from egoactgen_bench.support.seeds import derive_seed, torch_generator


@dataclass(frozen=True)
class SampleDraw:
    """Sample number `sample`, drawn in step `step` for the `turn`-th time (from 0)."""

    sample: int
    step: int
    turn: int

    def generator(self, seed: int, sample_id: str) -> torch.Generator:
        """The random stream for this sample."""
        return torch_generator(derive_seed(seed, f"step {self.step}", f"{self.turn}", sample_id))


def sample_draws(seed: int, step: int, positions: range, samples: int) -> Iterator[SampleDraw]:
    """The draws at `positions` of a training, which shuffles all samples in every epoch."""
    for position in positions:
        turn, place = divmod(position, samples)
        yield SampleDraw(_order(seed, turn, samples)[place], step, turn)


@lru_cache(maxsize=2)
def _order(seed: int, turn: int, samples: int) -> list[int]:
    generator = torch_generator(derive_seed(seed, "order", str(turn)))
    return [int(number) for number in torch.randperm(samples, generator=generator)]
