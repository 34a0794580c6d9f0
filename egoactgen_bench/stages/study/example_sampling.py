"""Which examples a study shows, and in which order the candidates stand."""

from collections.abc import Sequence

import pandas as pd

from egoactgen_bench.stages.study.safe_text import keyed_hash
from egoactgen_bench.support.seeds import derive_seed


def choose_examples(samples: pd.DataFrame, count: int, seed: int) -> list[str]:
    """`count` sample ids in split order (all, where there are fewer), stratified by verb.

    Systematic sampling: samples are sorted by verb, shuffled within it, and taken at equal steps
    from a random start, so each verb gets its share of `count`, rounded up or down. Depends on the
    seed and the samples alone: every set of runs is compared on the same examples.
    """
    if count >= len(samples):
        return samples["sample_id"].tolist()
    shuffled = samples.assign(
        _order=[derive_seed(seed, "example", sample_id) for sample_id in samples["sample_id"]]
    ).sort_values(["verb", "_order"])
    start = derive_seed(seed, "first example")
    # (start / 2⁶³ + i) · n / count in integers: rounded floats could reach n, one past the end.
    positions = [(start + (i << 63)) * len(samples) // (count << 63) for i in range(count)]
    return shuffled.iloc[positions].sort_index()["sample_id"].tolist()


def shuffled(items: Sequence[str], key: bytes, purpose: str) -> list[str]:
    """`items` in an order that only the holder of `key` can compute."""
    # By a hash rather than by NumPy's generators, whose streams may change between versions.
    return sorted(items, key=lambda item: keyed_hash(key, purpose, item))


def balanced_orders(candidates: Sequence[str], count: int, key: bytes) -> list[list[str]]:
    """`count` orders in which each candidate stands at each position equally often, ± 1.

    Blocks of K orders are the rows of a Latin square over a fresh permutation, rows shuffled.
    """
    orders: list[list[str]] = []
    for block in range(-(-count // len(candidates))):
        first = shuffled(candidates, key, f"block {block}")
        rotations = {str(shift): first[shift:] + first[:shift] for shift in range(len(first))}
        rows = shuffled(list(rotations), key, f"rows of block {block}")
        orders += [rotations[row] for row in rows]
    return orders[:count]
