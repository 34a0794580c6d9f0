"""Analysis of ratings: win rates, agreement, tests between runs, checks and speeders."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.crossed_shares import crossed_intervals, crossed_test
from egoactgen_bench.analysis.rater_agreement import Agreement, alpha_interval
from egoactgen_bench.analysis.statistics import holm
from egoactgen_bench.artifacts.studies import StudyKind
from egoactgen_bench.stages.study.ratings import Rating

SPEEDER_SHARE = 1 / 3  # of the median worker's time


def votes_of(ratings: Sequence[Rating]) -> list[Rating]:
    """The ratings that count: of votes, not of checks."""
    return [rating for rating in ratings if rating.task.kind == "vote"]


@dataclass(frozen=True)
class Wins:
    """Wins, (votes, candidates) of 1, 0 or NaN (not asked), and each vote's video and rater."""

    values: Floats
    videos: Clusters
    raters: Clusters


def wins_of(
    votes: Sequence[Rating],
    candidates: Sequence[str],
    study: StudyKind,
    videos: Mapping[str, str],
) -> Wins:
    """The wins of each candidate; a description set wins when it fits.

    `videos` maps sample ids to videos; the votes on a sample without one are a video of their own.
    """
    values = np.full((len(votes), len(candidates)), np.nan)
    for row, rating in enumerate(votes):
        if study == "best-of":
            values[row] = [candidate == rating.answer for candidate in candidates]
        else:
            values[row, list(candidates).index(rating.task.candidates[0])] = rating.answer == "yes"
    return Wins(
        values,
        _numbered([videos.get(vote.task.sample_id, vote.task.sample_id) for vote in votes]),
        _numbered([vote.worker for vote in votes]),
    )


def win_rates(wins: Wins, candidates: Sequence[str]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Win rates with 95 % intervals over videos and raters, and why intervals are withheld.

    One row per candidate: run, wins, votes, rate, lo, hi (the last three in [0, 1], NaN without
    votes).
    """
    intervals = crossed_intervals(wins.values, wins.videos, wins.raters)
    won, counts = np.nansum(wins.values, axis=0), np.sum(~np.isnan(wins.values), axis=0)
    with np.errstate(invalid="ignore"):
        rate = won / counts
    table = {"run": candidates, "wins": won.astype(int), "votes": counts, "rate": rate}
    reasons = {run: why for run, why in zip(candidates, intervals.reasons, strict=True) if why}
    return pd.DataFrame(table | {"lo": intervals.low, "hi": intervals.high}), reasons


def comparisons(wins: Wins, candidates: Sequence[str], seed: int) -> pd.DataFrame:
    """Differences of win rates: run_a, run_b, difference, p_value (Holm-corrected over the pairs).

    Over the votes on both; description sets, of which a vote judges one, by the rates that each
    rater of each video gave them.
    """
    pairs = list(combinations(range(len(candidates)), 2))
    values, videos, raters = _both(wins)
    differences = np.stack([values[:, a] - values[:, b] for a, b in pairs], axis=1)
    p_values = crossed_test(differences, videos, raters, seed)
    found = [
        (candidates[a], candidates[b], size, p_value)
        for (a, b), size, p_value in zip(pairs, means(differences), p_values, strict=True)
    ]
    table = pd.DataFrame(found, columns=["run_a", "run_b", "difference", "p_value"])
    return table.assign(p_value=holm(table["p_value"].tolist()))


def _both(wins: Wins) -> tuple[Floats, Clusters, Clusters]:
    """One row per video and rater, with the rates of each candidate; or one per vote on all."""
    if not np.isnan(wins.values).any():
        return wins.values, wins.videos, wins.raters
    table = pd.DataFrame(wins.values).groupby([wins.videos, wins.raters]).mean()
    videos, raters = (table.index.get_level_values(level).to_numpy() for level in (0, 1))
    return table.to_numpy(), videos, raters


def _numbered(names: Sequence[str]) -> Clusters:
    """The number of each name, from 0 without gaps."""
    return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1]


def agreement(
    votes: Sequence[Rating], answers: Sequence[str], videos: Mapping[str, str]
) -> Agreement:
    """Krippendorff's alpha of the answers of votes, with its interval over videos and raters."""
    if not votes:
        return Agreement(float("nan"), float("nan"), float("nan"), "no answers")
    samples = [vote.task.sample_id for vote in votes]
    return alpha_interval(
        _numbered(answers),
        _numbered([vote.task.name for vote in votes]),
        _numbered([videos.get(sample, sample) for sample in samples]),
        _numbered([vote.worker for vote in votes]),
    )


def speeders(ratings: Sequence[Rating]) -> set[str]:
    """Workers with a median time below a third of the median worker's."""
    times: dict[str, list[float]] = defaultdict(list)
    for rating in ratings:
        if rating.seconds is not None:
            times[rating.worker].append(rating.seconds)
    medians = {worker: float(np.median(seconds)) for worker, seconds in times.items()}
    if not medians:
        return set()
    limit = SPEEDER_SHARE * float(np.median(list(medians.values())))
    return {worker for worker, seconds in medians.items() if seconds < limit}


def known_answers(ratings: Sequence[Rating]) -> dict[str, list[bool]]:
    """Worker → whether each answer to a known question was right."""
    right: dict[str, list[bool]] = defaultdict(list)
    for rating in ratings:
        if expected := rating.task.expected:
            wanted = rating.task.candidates[int(expected) - 1] if expected.isdigit() else expected
            right[rating.worker].append(rating.answer == wanted)
    return dict(right)


def failed_checks(ratings: Sequence[Rating]) -> set[str]:
    """Workers with fewer than half of their answers to known questions right."""
    return {w for w, right in known_answers(ratings).items() if sum(right) * 2 < len(right)}


def repeats(ratings: Sequence[Rating]) -> list[bool]:
    """Whether a repeated task got the same answer, for each worker who did both."""
    answered = {(rating.worker, rating.task.name): rating.answer for rating in ratings}
    return [
        answered[rating.worker, rating.task.repeats] == rating.answer
        for rating in ratings
        if (rating.worker, rating.task.repeats) in answered
    ]
