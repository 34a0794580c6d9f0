"""Coverage of the agreement of metrics with raters, and the error rate of tests between metrics."""

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.coverage.means import coverage
from benchmarks.coverage.studies import LEADS, RATERS, SPREAD, VIDEOS, Design, design
from egoactgen_bench.analysis.cluster_means import Floats
from egoactgen_bench.analysis.judged_pairs import Judgements
from egoactgen_bench.analysis.vote_agreement import MEASURES, ceiling, estimates, paired_tests

CANDIDATES = 4
# Metric → weight of the candidates' appeal, and of noise, a third of which is shared by a video.
METRICS = {"good": (1.0, 0.5), "weak": (1.0, 3.0), "chance": (0.0, 1.0), "with ties": (1.0, 1.0)}
TRUTH_EXAMPLES = 40_000


def agreements(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell, measure and metric, one per cell for raters, and one per test."""
    for spread, raters, videos in product(SPREAD, RATERS, VIDEOS):
        yield from agreement_cell(spread, raters, videos, replicates)
        yield from agreement_tests(spread, raters, videos, replicates)


def agreement_cell(
    spread: str, raters: int, videos: int, replicates: int
) -> Iterator[dict[str, Any]]:
    """Rows of `agreements` with the coverage of intervals."""
    cell = {"spread": spread, "raters": raters, "videos": videos}
    generator = np.random.default_rng(crc32(repr(cell).encode()))
    ends: dict[tuple[str, str], Floats] = {
        place: np.empty((2, replicates)) for place in truth(spread)
    }
    for number in range(replicates):
        judged, values = drawn(generator, design(generator, videos, raters), spread)
        for measure, found in estimates(judged, values).items():
            for place, metric in enumerate(METRICS):
                ends[measure, metric][:, number] = found.low[place], found.high[place]
        raters_found = ceiling(judged)
        ends["accuracy", "raters"][:, number] = raters_found.low[0], raters_found.high[0]
    for (measure, metric), true in truth(spread).items():
        row = {"what": f"{measure} of a metric", "values": metric, **cell, "truth": true}
        yield row | coverage(ends[measure, metric], true)


def agreement_tests(
    spread: str, raters: int, videos: int, replicates: int
) -> Iterator[dict[str, Any]]:
    """How often two equal metrics differ, by each measure."""
    cell = {"spread": spread, "raters": raters, "videos": videos}
    generator = np.random.default_rng(crc32(f"tests {cell}".encode()))
    differ = dict.fromkeys(MEASURES, 0)
    for _ in range(replicates):
        judged, values = drawn(
            generator, design(generator, videos, raters), spread, {"a": (1.0, 1.0), "b": (1.0, 1.0)}
        )
        for measure, (_, p_values) in paired_tests(judged, values, [(0, 1)]).items():
            differ[measure] += p_values[0] < 0.05
    for measure, count in differ.items():
        row = {"what": "test of metrics", "values": measure, **cell, "replicates": replicates}
        yield row | {"one_pair": count / replicates}


def drawn(
    generator: np.random.Generator,
    where: Design,
    spread: str,
    metrics: dict[str, tuple[float, float]] = METRICS,
) -> tuple[Judgements, Floats]:
    """The answers of a study, and (examples, candidates, metrics) values."""
    examples, first = np.unique(where.examples, return_index=True)
    videos = where.videos[first]
    appeal = np.array(LEADS["one leads"]) + np.zeros((len(examples), CANDIDATES))
    for deviation, group in zip(SPREAD[spread], (videos, examples), strict=False):
        appeal += deviation * generator.normal(size=(group.max() + 1, CANDIDATES))[group]
    taste = SPREAD[spread][2] * generator.normal(size=(where.raters.max() + 1, CANDIDATES))
    votes = appeal[where.examples] + taste[where.raters]
    chosen = (votes + generator.gumbel(size=votes.shape)).argmax(axis=1)
    values = np.empty((len(examples), CANDIDATES, len(metrics)))
    for place, (name, (weight, noise)) in enumerate(metrics.items()):
        shared = generator.normal(size=(videos.max() + 1, CANDIDATES))[videos]
        own = generator.normal(size=(len(examples), CANDIDATES))
        found = weight * appeal + noise * (shared / 3**0.5 + own * (2 / 3) ** 0.5)
        values[..., place] = found.round() if name == "with ties" else found
    raters = np.unique(where.raters, return_inverse=True)[1]
    return Judgements(np.eye(CANDIDATES)[chosen], where.examples, raters, videos), values


@cache
def truth(spread: str) -> dict[tuple[str, str], float]:
    """(measure, metric) → its value over all videos and raters; also the accuracy of raters."""
    examples = np.repeat(np.arange(TRUTH_EXAMPLES), 5)
    where = Design(examples, examples, np.arange(len(examples)))
    judged, values = drawn(np.random.default_rng(1), where, spread)
    found = {
        (measure, metric): float(each.value[place])
        for measure, each in estimates(judged, values).items()
        for place, metric in enumerate(METRICS)
    }
    return found | {("accuracy", "raters"): float(ceiling(judged).value[0])}
