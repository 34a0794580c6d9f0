"""The outcomes of the finished cells: shares, differences, and the plan's tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.laboratory.design import ARMS, OUTCOMES, PAIRS, REFERENCE, SEEDS, Cell
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.mean_intervals import UNBOUNDED
from egoactgen_bench.analysis.training_seeds import compare_trainings, interval

LEVEL = 0.05


@dataclass(frozen=True)
class Outcomes:
    """The finished seeds: of each outcome, arm and number of pairs, (clips, seeds) values."""

    seeds: list[int]
    values: dict[tuple[str, str, int], Floats]
    videos: Clusters


def complete_seeds(folder: Path) -> list[int]:
    wanted = [(arm, pairs) for pairs in PAIRS for arm in ARMS]
    return [
        seed
        for seed in SEEDS
        if all((folder / f"{Cell(arm, pairs, seed).name}.csv").is_file() for arm, pairs in wanted)
    ]


def load(results: Path, seeds: Sequence[int]) -> Outcomes:
    clips = pd.read_csv(results / "clips.csv")
    values = {}
    for arm in ARMS:
        for pairs in PAIRS:
            tables = [
                pd.read_csv(results / "cells" / f"{Cell(arm, pairs, seed).name}.csv")
                for seed in seeds
            ]
            for outcome in (*OUTCOMES, "psnr"):
                if tables:
                    found = np.stack([table[outcome].to_numpy(float) for table in tables], axis=1)
                    values[outcome, arm, pairs] = found
    return Outcomes(list(seeds), values, clips["video"].to_numpy())


def shares(found: Outcomes) -> pd.DataFrame:
    """One row per outcome, arm and number of pairs: the mean with its 95 % interval."""
    rows = []
    for (outcome, arm, pairs), values in found.values.items():
        factor = 1 if outcome == "psnr" else 100
        row = {"outcome": outcome, "arm": arm, "pairs": pairs, "seeds": len(found.seeds)}
        row |= {"mean": means(values).mean() * factor}
        if len(found.seeds) > 1:
            bounds = UNBOUNDED if outcome == "psnr" else (0.0, 1.0)
            low, high, _ = interval(values, found.videos, bounds)
            row |= {"lo": low * factor, "hi": high * factor}
        row["by_seed"] = " ".join(f"{each:.1f}" for each in means(values) * factor)
        rows.append(row)
    return pd.DataFrame(rows).round(2)


def leads(found: Outcomes, outcome: str = OUTCOMES[0]) -> pd.DataFrame:
    """Differences of every arm to the labels, and of LEGO to its controls."""
    pairs_of_arms = [(arm, REFERENCE) for arm in ARMS if arm != REFERENCE]
    pairs_of_arms += [("joint", arm) for arm in ARMS if arm not in ("joint", REFERENCE)]
    rows = []
    for first, second in pairs_of_arms:
        for pairs in PAIRS:
            a, b = (found.values[outcome, arm, pairs] for arm in (first, second))
            rows.append({"first": first, "second": second, "pairs": pairs} | _lead(a, b, found))
    return pd.DataFrame(rows).drop(columns=["p_value", "p_trainings"]).round(2)


def tests(found: Outcomes, outcome: str = OUTCOMES[0]) -> pd.DataFrame:
    """The tests of the plan in their order; each counts only if those before it are significant."""
    few, many = PAIRS[0], PAIRS[-1]

    def value(arm: str, pairs: int) -> Floats:
        return found.values[outcome, arm, pairs]

    asked = {
        f"joint (LEGO) − InstructPix2Pix, {few} pairs": (
            value("joint", few),
            value(REFERENCE, few),
        ),
        f"that lead with {few} pairs − with {many:,} pairs": (
            value("joint", few) - value(REFERENCE, few),
            value("joint", many) - value(REFERENCE, many),
        ),
    }
    for arm in ("same-label", "blind", "off-the-shelf"):
        name = f"joint (LEGO) − {ARMS[arm].title}, {few} pairs"
        asked[name] = value("joint", few), value(arm, few)
    rows = [{"test": name} | _lead(a, b, found) for name, (a, b) in asked.items()]
    table = pd.DataFrame(rows)
    positive = (table["p_value"] < LEVEL) & (table["difference"] > 0)
    table["confirmed"] = positive.cummin()
    table.insert(0, "seeds", len(found.seeds))
    return table.round({"difference": 2, "lo": 2, "hi": 2, "p_value": 5, "p_trainings": 5})


def _lead(a: Floats, b: Floats, found: Outcomes) -> dict[str, object]:
    row: dict[str, object] = {"difference": 100 * (means(a).mean() - means(b).mean())}
    if len(found.seeds) > 1:
        low, high, _ = interval(a - b, found.videos, UNBOUNDED)
        ((_, p_value, p_trainings),) = compare_trainings([a, b], [(0, 1)], found.videos)
        row |= {"lo": 100 * low, "hi": 100 * high, "p_value": p_value, "p_trainings": p_trainings}
    else:
        row |= {"lo": np.nan, "hi": np.nan, "p_value": np.nan, "p_trainings": np.nan}
    row["by_seed"] = " ".join(f"{100 * each:+.1f}" for each in means(a - b))
    return row
