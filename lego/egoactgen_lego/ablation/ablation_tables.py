"""Writing the tables of an ablation; a row is the mean over its training seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.pooling import pool
from egoactgen_bench.analysis.published import (
    named_by_samples,
    published_dataset,
    published_note,
    published_table,
)
from egoactgen_bench.analysis.training_seeds import seeds_needed
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.presentation.score_tables import latex, markdown, plain
from egoactgen_bench.support.files import write_csv, write_text
from egoactgen_lego.ablation.ablation_rows import TABLES
from egoactgen_lego.ablation.experiment import Ablation
from egoactgen_lego.lego_manifests import ABLATION, AblationManifest


def write_tables(ablation: Ablation, scores: Scores, folder: Path) -> list[Path]:
    """Write a folder for each table, then ablation.json; return the Markdown tables' paths."""
    (folder / ABLATION).unlink(missing_ok=True)
    written = []
    for name in ablation.options.tables:
        rows = {
            label: row for label, row in ablation.rows_of(name).items() if row in ablation.chosen
        }
        if rows:
            written.append(_write(ablation, name, rows, scores, folder / name))
    AblationManifest.model_validate(_manifest(ablation)).save(folder / ABLATION)
    return written


def _write(
    ablation: Ablation, name: str, rows: dict[str, str], scores: Scores, folder: Path
) -> Path:
    groups = {label: ablation.runs_of(row) for label, row in rows.items()}
    references = [label for label, row in rows.items() if ablation.chosen[row].control]
    pooled = pool(scores, ablation.test, groups, references)
    pooled.manifest.published = _published(ablation, name, scores)
    notices = _notices(scores, [run for runs in groups.values() for run in runs])
    if not pooled.manifest.published:
        note = published_note(ablation.test.manifest)
        notices = [notice for notice in notices if notice != note]
    seeds = needed_seeds(scores, groups, references)
    pooled.manifest.notices = [_between_seeds(ablation, pooled, seeds), *notices]
    write_csv(folder / "summary.csv", pooled.summary)
    write_csv(folder / "comparisons.csv", pooled.comparisons)
    write_csv(folder / "seeds.csv", seeds)
    write_csv(folder / "table.csv", plain(pooled))
    write_text(folder / "table.tex", latex(pooled))
    write_text(folder / "table.md", markdown(pooled, TABLES[name].title))
    return folder / "table.md"


def _notices(scores: Scores, runs: list[str]) -> list[str]:
    """The notices about these runs, or about all runs."""
    others = set(scores.runs).difference(runs)
    notices: list[str] = scores.manifest.notices
    return [notice for notice in notices if not any(f"'{run}'" in notice for run in others)]


def _published(ablation: Ablation, name: str, scores: Scores) -> list[dict[str, Any]]:
    """The paper's numbers, if they apply to this data set and protocol."""
    found = TABLES[name].published
    if found is None or not scores.manifest.published:
        return scores.manifest.published if name == "methods" else []
    table = published_table(found)
    own: Any = table[table["dataset"] == published_dataset(ablation.test.manifest)]
    tuned = {"yes": ", tuned", "no": ", not tuned"}
    rows = [
        {**row, "method": row["conditioning"] + tuned.get(row.get("vllm_finetuned", ""), "")}
        for row in own.to_dict("records")
    ]
    return named_by_samples(ablation.test.manifest, rows)


def needed_seeds(
    scores: Scores, groups: Mapping[str, Sequence[str]], references: Sequence[str] = ()
) -> pd.DataFrame:
    """For each metric and pair of rows: how the lead varies between seeds, and what that demands.

    Columns: metric, run_a, run_b, lead (run_a − run_b), sd (its standard deviation between seeds),
    seeds (how many show a lead of this size, with a power of 80 %; empty above 1,000). Only pairs
    of rows with the same number, two or more, of trainings.
    """
    rows = []
    for name in scores.metrics:
        own = dict(zip(scores.runs, scores.summary[name].to_numpy(float), strict=True))
        for a, b in combinations([name for name in groups if name not in references], 2):
            if len(groups[a]) != len(groups[b]) or len(groups[a]) < 2:
                continue
            with np.errstate(invalid="ignore"):  # inf − inf
                leads = np.array(
                    [own[one] - own[two] for one, two in zip(groups[a], groups[b], strict=True)]
                )
                lead, deviation = leads.mean(), leads.std(ddof=1)
            rows.append((name, a, b, lead, deviation, seeds_needed(lead, deviation)))
    table = pd.DataFrame(rows, columns=["metric", "run_a", "run_b", "lead", "sd", "seeds"])
    return table.astype({"seeds": "Int64"})


def _demand(pooled: Scores, seeds: pd.DataFrame) -> str:
    """A sentence on how many seeds a claim needs, by the first metric that has leads."""
    for name, about in pooled.metrics.items():
        spread = seeds.loc[seeds["metric"] == name, "sd"].median()
        if not spread > 0:
            continue
        leads = [spread / 2, spread, 2 * spread]
        parts = [f"{lead:.{about.decimals}f} takes {seeds_needed(lead, spread)}" for lead in leads]
        return (
            f" Seeds that a claim needs (power 80 %, p < 0.05): with {about.label}, leads have a "
            f"standard deviation of {spread:.{about.decimals}f} between seeds, and a lead of "
            f"{', of '.join(parts)}; see seeds.csv for each pair of rows."
        )
    return ""


def _between_seeds(ablation: Ablation, pooled: Scores, seeds: pd.DataFrame) -> str:
    if len(ablation.seeds) == 1:
        return (
            f"One training per row (seed {ablation.seeds[0]}): other seeds give other numbers, so "
            "that no difference is tested. Intervals are of these trainings, over videos. "
            "--seeds 0,1,2 trains several."
        )
    listed = ", ".join(map(str, ablation.seeds))
    largest = ", ".join(
        f"{about.label} {np.nanmax(deviations):.{about.decimals}f}"
        for name, about in pooled.metrics.items()
        if np.isfinite(deviations := pooled.summary[f"{name}_sd"].to_numpy(float)).any()
    )
    return (
        f"Means over the training seeds {listed}; intervals and tests are over trainings and "
        f"videos. Largest standard deviation between the trainings of a row: {largest}."
        f"{_demand(pooled, seeds)}"
    )


def _manifest(ablation: Ablation) -> dict[str, Any]:
    """The runs that the tables are based on; their manifests contain the rest."""
    materials = ablation.materials
    return {
        "name": ablation.name,
        "train": ablation.train.name,
        "split": ablation.test.name,
        "fingerprint": ablation.test.fingerprint,
        "preset": ablation.options.preset,
        "seeds": list(ablation.seeds),
        "descriptions": {
            "train": materials.train or materials.tuned,
            "tuned": materials.tuned,
            "untuned": materials.untuned,
            "oracle": materials.oracle,
        },
        "options": dict(ablation.choices.given),
        "tables": list(ablation.options.tables),
        "rows": {row: ablation.runs_of(row) for row in ablation.chosen},
        "weights": [
            ablation.weights(name, seed).name
            for seed in ablation.seeds
            for name in ablation.trainings
        ],
    }
