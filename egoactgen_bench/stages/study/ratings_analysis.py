"""Analysis of ratings: win rates, agreement, tests between runs, checks and speeders."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.analysis.statistics import bootstrap_intervals, holm, sign_flip_test
from egoactgen_bench.artifacts.studies import StudyKind
from egoactgen_bench.stages.study.ratings import Rating

BOOTSTRAP = 10_000
SPEEDER_SHARE = 1 / 3  # of the median worker's time


def votes_of(ratings: Sequence[Rating]) -> list[Rating]:
    """The ratings that count: of votes, not of checks."""
    return [rating for rating in ratings if rating.task.kind == "vote"]


def win_rates(
    votes: Sequence[Rating], candidates: Sequence[str], study: StudyKind, seed: int
) -> pd.DataFrame:
    """Win rates with 95 % intervals, bootstrapped by example.

    One row per candidate: run, wins, votes, rate, lo, hi (the last three in [0, 1], NaN without
    votes). A description set wins when it fits.
    """
    values, clusters = _wins(votes, candidates, study)
    lo, hi = bootstrap_intervals(values, clusters, BOOTSTRAP, seed)
    wins, counts = np.nansum(values, axis=0), np.sum(~np.isnan(values), axis=0)
    with np.errstate(invalid="ignore"):
        rate = wins / counts
    table = {"run": candidates, "wins": wins.astype(int), "votes": counts}
    return pd.DataFrame(table | {"rate": rate, "lo": lo, "hi": hi})


def comparisons(
    votes: Sequence[Rating], candidates: Sequence[str], study: StudyKind, seed: int
) -> pd.DataFrame:
    """Paired differences of win rates: run_a, run_b, difference, p_value.

    By a sign-flip test over examples, Holm-corrected.
    """
    values, clusters = _wins(votes, candidates, study)
    by_example = pd.DataFrame(values).groupby(clusters).mean()
    rows: list[dict[str, Any]] = []
    for run_a, run_b in combinations(candidates, 2):
        a, b = (by_example[candidates.index(run)].to_numpy() for run in (run_a, run_b))
        both = (a - b)[~np.isnan(a - b)]
        difference = float(both.mean()) if len(both) else float("nan")
        p_value = float("nan")
        if len(both):
            p_value = float(sign_flip_test(both[:, None], np.arange(len(both)), seed=seed)[0])
        rows.append({"run_a": run_a, "run_b": run_b, "difference": difference, "p_value": p_value})
    table = pd.DataFrame(rows, columns=["run_a", "run_b", "difference", "p_value"])
    return table.assign(p_value=holm(table["p_value"].tolist()))


def _wins(
    votes: Sequence[Rating], candidates: Sequence[str], study: StudyKind
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Wins, (votes, candidates) of 1, 0 or NaN (not asked), and the example of each vote."""
    values = np.full((len(votes), len(candidates)), np.nan)
    for row, rating in enumerate(votes):
        if study == "best-of":
            values[row] = [candidate == rating.answer for candidate in candidates]
        else:
            values[row, list(candidates).index(rating.task.candidates[0])] = rating.answer == "yes"
    # By example: several raters of the same frames tend to agree, so their votes are not
    # independent.
    clusters = pd.factorize(np.array([rating.task.sample_id for rating in votes]))[0]
    return values, clusters.astype(np.int64)


def alpha(answers: dict[tuple[str, str], str]) -> float | None:
    """Nominal Krippendorff's alpha of (worker, task) → answer.

    None if it is undefined: no task has two answers, or all answers are equal.
    """
    import krippendorff

    table = pd.Series(answers, dtype=object).unstack() if answers else pd.DataFrame()
    values = sorted(set(answers.values()))
    paired = table.loc[:, table.notna().sum() > 1]
    if len(values) < 2 or paired.empty or paired.stack().nunique() < 2:
        return None
    codes = table.apply(lambda column: column.map(values.index, na_action="ignore"))
    return float(
        krippendorff.alpha(
            reliability_data=codes.to_numpy(dtype=np.float64), level_of_measurement="nominal"
        )
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
