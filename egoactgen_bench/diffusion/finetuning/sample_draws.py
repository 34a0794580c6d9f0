"""The samples of a training step, and the random stream of each, computed without any state."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

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


@dataclass(frozen=True)
class Mixture:
    """Parts of the samples, one after the other, and how often each is drawn.

    Of every `sum(weights)` draws, `weights[i]` are of the i-th part, which has `sizes[i]` samples.
    """

    sizes: tuple[int, ...]
    weights: tuple[int, ...]


def sample_draws(seed: int, step: int, positions: range, samples: int) -> Iterator[SampleDraw]:
    """The draws at `positions` of a training, which shuffles all samples in every epoch."""
    for position in positions:
        turn, place = divmod(position, samples)
        yield SampleDraw(_order(seed, samples, "order", str(turn))[place], step, turn)


def mixed_draws(seed: int, step: int, positions: range, mixture: Mixture) -> Iterator[SampleDraw]:
    """The draws at `positions` of a training on several parts.

    Each part is shuffled in each of its own epochs; which part a position draws from is shuffled
    in every `sum(weights)` positions.
    """
    wheel = [part for part, weight in enumerate(mixture.weights) for _ in range(weight)]
    starts = [0, *accumulate(mixture.sizes)]
    for position in positions:
        round_, place = divmod(position, len(wheel))
        order = _order(seed, len(wheel), "parts", str(round_))
        part = wheel[order[place]]
        earlier = sum(1 for each in order[:place] if wheel[each] == part)
        turn, own = divmod(round_ * mixture.weights[part] + earlier, mixture.sizes[part])
        shuffled = _order(seed, mixture.sizes[part], "order", str(part), str(turn))
        yield SampleDraw(starts[part] + shuffled[own], step, turn)


@lru_cache(maxsize=16)
def _order(seed: int, count: int, *names: str) -> list[int]:
    generator = torch_generator(derive_seed(seed, *names))
    return [int(number) for number in torch.randperm(count, generator=generator)]
