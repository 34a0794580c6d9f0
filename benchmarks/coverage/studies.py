"""Coverage of win rates and Krippendorff's alpha, and the error rate of tests between runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.coverage.means import coverage
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, cluster_sums
from egoactgen_bench.analysis.crossed_shares import crossed_intervals, crossed_test
from egoactgen_bench.analysis.rater_agreement import alpha_interval, nominal_alpha

VIDEOS = (5, 12, 30)
RATERS = (5, 30)
EXAMPLES, PER_EXAMPLE = 60, 5  # as in `bench export-amt`
# Standard deviations of the appeal of a run, next to a Gumbel draw for each vote.
SPREAD = {"little": (0.3, 0.3, 0.3), "much": (1.0, 0.5, 0.7)}  # by video, example and rater
LEADS = {"equal runs": (0.0, 0.0, 0.0, 0.0), "one leads": (2.5, 0.5, 0.0, -1.0)}
TRUTH_DRAWS = 400_000


@dataclass(frozen=True)
class Design:
    """Which rater votes on which example of which video."""

    videos: Clusters
    examples: Clusters
    raters: Clusters


def design(generator: np.random.Generator, videos: int, raters: int) -> Design:
    """Examples are spread over videos in turn; each is shown to five different raters."""
    examples = np.repeat(np.arange(EXAMPLES), PER_EXAMPLE)
    drawn = [generator.permutation(raters)[:PER_EXAMPLE] for _ in range(EXAMPLES)]
    return Design(examples % videos, examples, np.concatenate(drawn))


def vote(
    generator: np.random.Generator, where: Design, spread: str, leads: str
) -> NDArray[np.int64]:
    """(votes,) the chosen run: the one with the highest appeal."""
    appeal = np.array(LEADS[leads]) + generator.gumbel(size=(len(where.videos), 4))
    groups = (where.videos, where.examples, where.raters)
    for deviation, group in zip(SPREAD[spread], groups, strict=True):
        appeal += deviation * generator.normal(size=(group.max() + 1, 4))[group]
    return appeal.argmax(axis=1)


@cache
def rates(spread: str, leads: str) -> tuple[float, ...]:
    """The win rates over all videos and raters."""
    alone = np.arange(TRUTH_DRAWS)
    chosen = vote(np.random.default_rng(1), Design(alone, alone, alone), spread, leads)
    return tuple(np.bincount(chosen, minlength=4) / TRUTH_DRAWS)


def win_rates(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell and run."""
    for leads, spread, raters, videos in product(LEADS, SPREAD, RATERS, VIDEOS):
        yield from win_rate_cell(leads, spread, raters, videos, replicates)


def win_rate_cell(
    leads: str, spread: str, raters: int, videos: int, replicates: int
) -> Iterator[dict[str, Any]]:
    """Rows of `win_rates`: the first run, and the last one of unequal runs."""
    cell = {"values": leads, "spread": spread, "raters": raters, "videos": videos}
    generator = np.random.default_rng(crc32(repr(cell).encode()))
    shown = (0, 3) if leads != "equal runs" else (0,)
    ends = np.empty((2, replicates, 4))
    differ = 0
    for number in range(replicates):
        where = design(generator, videos, raters)
        wins = np.eye(4)[vote(generator, where, spread, leads)]
        found = crossed_intervals(wins, where.videos, where.raters)
        ends[:, number] = found.low, found.high
        lead: Floats = wins[:, :1] - wins[:, 1:2]
        differ += crossed_test(lead, where.videos, where.raters, 0)[0] < 0.05
    for run in shown:
        truth = rates(spread, leads)[run]
        yield {"what": "win rate", **cell, "truth": truth} | coverage(ends[:, :, run], truth)
    if leads == "equal runs":
        row = {"what": "test of win rates", **cell, "replicates": replicates}
        yield row | {"one_pair": differ / replicates}


def alphas(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell, of Krippendorff's alpha."""
    for spread, raters, videos in product(SPREAD, RATERS, VIDEOS):
        yield alpha_cell(spread, raters, videos, replicates)


def alpha_cell(spread: str, raters: int, videos: int, replicates: int) -> dict[str, Any]:
    """One row of `alphas`."""
    cell = {"values": "one leads", "spread": spread, "raters": raters, "videos": videos}
    generator = np.random.default_rng(crc32(repr(cell).encode()))
    ends = np.empty((2, replicates))
    for number in range(replicates):
        where = design(generator, videos, raters)
        answers = vote(generator, where, spread, "one leads")
        found = alpha_interval(
            np.unique(answers, return_inverse=True)[1],
            where.examples,
            where.videos,
            np.unique(where.raters, return_inverse=True)[1],
        )
        ends[:, number] = found.low, found.high
    truth = true_alpha(spread)
    return {"what": "alpha", **cell, "truth": truth} | coverage(ends, truth)


@cache
def true_alpha(spread: str) -> float:
    """Alpha over all videos and raters: every example is of its own video, every vote too."""
    examples = np.repeat(np.arange(TRUTH_DRAWS // PER_EXAMPLE), PER_EXAMPLE)
    where = Design(examples, examples, np.arange(len(examples)))
    answers = vote(np.random.default_rng(1), where, spread, "one leads")
    return nominal_alpha(cluster_sums(np.eye(4)[answers], examples))
