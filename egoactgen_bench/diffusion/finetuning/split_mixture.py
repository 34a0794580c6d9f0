"""How often each split of a joint one is drawn."""

from collections.abc import Sequence
from typing import Any

from egoactgen_bench.artifacts.joint_splits import JointSplit, parts_of
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.diffusion.finetuning.frame_latents import Pair
from egoactgen_bench.diffusion.finetuning.sample_draws import Mixture
from egoactgen_bench.errors import BenchError


def mixture_of(split: Split, pairs: Sequence[Pair]) -> Mixture | None:
    """The mixture of the usable samples of a split; None if every sample is drawn equally often.

    Raises `BenchError` for a part of a joint split without a usable sample.
    """
    if not isinstance(split, JointSplit):
        return None
    sizes = {part.name: size for part, size in parts_of(split, [pair.sample_id for pair in pairs])}
    for name, size in sizes.items():
        if not size:
            raise BenchError(f"Split '{name}' has no usable training sample.")
    return Mixture(tuple(sizes.values()), split.weights) if split.weights else None


def shares(split: Split, pairs: Sequence[Pair]) -> dict[str, Any]:
    """The entry of train.json with each split's share of the draws; empty for a single split."""
    if not isinstance(split, JointSplit):
        return {}
    sizes = {part.name: size for part, size in parts_of(split, [pair.sample_id for pair in pairs])}
    drawn = split.weights or tuple(sizes.values())
    parts = zip(sizes, drawn, strict=True)
    return {"shares": {name: round(number / sum(drawn), 6) for name, number in parts}}
