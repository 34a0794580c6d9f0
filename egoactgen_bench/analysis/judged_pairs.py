"""Pairs of candidates as raters order them, and as metrics do."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.analysis.cluster_means import Clusters, Floats, cluster_sums


@dataclass(frozen=True)
class Judgements:
    """What raters said about the outputs of several candidates for the same items.

    `scores` is (answers, candidates): an answer is that of one rater to one item, who prefers
    higher scores; NaN for what was not shown. The choice of one candidate is 1 for it and 0 for the
    others. `items` and `raters` are (answers,), `videos` is (items,), all numbered from 0 without
    gaps.
    """

    scores: Floats
    items: Clusters
    raters: Clusters
    videos: Clusters

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        """(pairs, 2) positions of the candidates of each pair."""
        every = list(combinations(range(self.scores.shape[1]), 2))
        return np.array(every, np.int64).reshape(-1, 2)

    @cached_property
    def orders(self) -> Floats:
        """(answers, pairs): 1 if the first is preferred, −1 if the second, 0 if neither, or NaN."""
        return _signs(self.scores[:, self.pairs[:, 0]], self.scores[:, self.pairs[:, 1]])

    @cached_property
    def votes(self) -> Floats:
        """(items, pairs): how many more answers prefer the first candidate than the second."""
        return cluster_sums(self.orders, self.items)

    @cached_property
    def answered(self) -> Floats:
        """(items, pairs): the answers that saw both candidates."""
        return cluster_sums(1.0 - np.isnan(self.orders), self.items)

    def orders_by(self, values: Floats) -> Floats:
        """(items, pairs, metrics): the orders by `values` (items, candidates, metrics)."""
        return _signs(values[:, self.pairs[:, 0]], values[:, self.pairs[:, 1]])

    def net_wins(self) -> Floats:
        """(candidates,) mean order of the answers that compare a candidate with another one."""
        wins, counts = np.zeros((2, self.scores.shape[1]))
        for (first, second), order in zip(self.pairs, self.orders.T, strict=True):
            for candidate, sign in ((first, 1), (second, -1)):
                wins[candidate] += sign * np.nansum(order)
                counts[candidate] += np.sum(~np.isnan(order))
        found: Floats = wins / np.where(counts, counts, np.nan)
        return found


def _signs(first: Floats, second: Floats) -> Floats:
    """The signs of the differences; 0 for twice the same infinity."""
    with np.errstate(invalid="ignore"):
        return np.where(first == second, 0.0, np.sign(first - second))
