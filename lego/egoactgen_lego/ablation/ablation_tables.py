"""Writing the tables of an ablation; a row is the mean over its training seeds."""

from pathlib import Path
from typing import Any

import numpy as np

from egoactgen_bench.analysis.pooling import pool
from egoactgen_bench.analysis.published import published_dataset, published_table
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
    pooled.manifest.notices = [_between_seeds(ablation, pooled), *notices]
    write_csv(folder / "summary.csv", pooled.summary)
    write_csv(folder / "comparisons.csv", pooled.comparisons)
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
    return [
        {**row, "method": row["conditioning"] + tuned.get(row.get("vllm_finetuned", ""), "")}
        for row in own.to_dict("records")
    ]


def _between_seeds(ablation: Ablation, pooled: Scores) -> str:
    if len(ablation.seeds) == 1:
        return f"One training per row (seed {ablation.seeds[0]}); other seeds give other numbers."
    seeds = ", ".join(map(str, ablation.seeds))
    largest = ", ".join(
        f"{about.label} {np.nanmax(deviations):.{about.decimals}f}"
        for name, about in pooled.metrics.items()
        if np.isfinite(deviations := pooled.summary[f"{name}_sd"].to_numpy(float)).any()
    )
    return (
        f"Means over the training seeds {seeds}; intervals and tests are for these trainings. "
        f"Largest standard deviation between the trainings of a row: {largest}."
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
