"""Which examples a study shows, and the order of the candidates."""

from collections.abc import Iterable, Sequence

import pandas as pd

from egoactgen_bench.stages.study.safe_text import keyed_hash
from egoactgen_bench.support.sample_drawing import at_equal_steps
from egoactgen_bench.support.seeds import derive_seed, derive_seeds


def choose_examples(samples: pd.DataFrame, count: int, seed: int) -> list[str]:
    """`count` sample ids in split order (all, if there are fewer), stratified by verb.

    Systematic sampling: samples are sorted by verb, shuffled within each verb, and taken at equal
    steps from a random start, so that each verb gets its share of `count`, rounded up or down. The
    result depends only on the seed and the samples: different runs of equal samples are compared on
    the same examples.
    """
    ids: list[str] = samples["sample_id"].tolist()
    if count >= len(ids):
        return ids
    orders = derive_seeds(seed, "example", last=ids)
    start = derive_seed(seed, "first example")
    positions = at_equal_steps(samples["verb"].tolist(), orders, count, start)
    return [ids[position] for position in positions]


def shuffled(items: Sequence[str], key: bytes, purpose: str) -> list[str]:
    """`items` in an order that only the holder of `key` can compute."""
    return sorted(items, key=shuffle_keys(items, key, purpose).__getitem__)


def shuffle_keys(items: Iterable[str], key: bytes, purpose: str) -> dict[str, str]:
    """The sort key of each item in the order of `shuffled`; the smallest comes first."""
    # A hash: the streams of NumPy's generators may change between versions.
    return {item: keyed_hash(key, purpose, item) for item in items}


def balanced_orders(candidates: Sequence[str], count: int, key: bytes) -> list[list[str]]:
    """`count` orders in which each candidate is at each position equally often, ± 1.

    Each block of K orders consists of the shuffled rows of a Latin square over a new permutation.
    """
    orders: list[list[str]] = []
    for block in range(-(-count // len(candidates))):
        first = shuffled(candidates, key, f"block {block}")
        rotations = {str(shift): first[shift:] + first[:shift] for shift in range(len(first))}
        rows = shuffled(list(rotations), key, f"rows of block {block}")
        orders += [rotations[row] for row in rows]
    return orders[:count]
