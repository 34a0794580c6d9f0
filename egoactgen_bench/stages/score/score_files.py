"""The files of finished scores; score.json is written last."""

from dataclasses import replace
from pathlib import Path

from egoactgen_bench.analysis.slices import all_slices
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import SCORE, ScoreManifest
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.presentation.score_tables import latex, markdown, plain
from egoactgen_bench.stages.score.summarising import Tables
from egoactgen_bench.support.files import sha256_file, write_csv, write_text

TABLES = (
    "scores.csv",
    "summary.csv",
    "comparisons.csv",
    "errors.csv",
    "slices.csv",
    "table.csv",
    "table.md",
    "table.tex",
)


def write_scores(folder: Path, split: Split, manifest: ScoreManifest, tables: Tables) -> Scores:
    """Write the tables and, last, score.json."""
    replaced = _replaced(folder / SCORE, manifest)
    (folder / SCORE).unlink(missing_ok=True)
    write_csv(folder / "scores.csv", tables.values)
    write_csv(folder / "summary.csv", tables.summary)
    write_csv(folder / "comparisons.csv", tables.comparisons)
    write_csv(folder / "errors.csv", tables.errors)
    if tables.captions.empty:
        (folder / "captions.csv").unlink(missing_ok=True)
    else:
        write_csv(folder / "captions.csv", tables.captions)
    scores = Scores(
        folder, manifest, tables.values, tables.summary, tables.comparisons, tables.errors
    )
    write_csv(folder / "slices.csv", all_slices(scores, split))
    write_csv(folder / "table.csv", plain(scores))
    write_text(folder / "table.md", markdown(scores))
    write_text(folder / "table.tex", latex(scores))
    files = {
        name: sha256_file(folder / name)
        for name in (*TABLES, "captions.csv")
        if (folder / name).is_file()
    }
    manifest = manifest.model_copy(update={"files": files})
    manifest.save(folder / SCORE)
    return replace(scores, manifest=manifest, replaced=replaced)


def _replaced(path: Path, new: ScoreManifest) -> str:
    """A sentence about runs and metrics of earlier scores that the new ones lack, else empty."""
    try:
        old = read_manifest(path, ScoreManifest)
    except BenchError:  # there are none, or they are damaged
        return ""
    runs = {run.run for run in old.runs if not run.reference} - {run.run for run in new.runs}
    metrics = old.metrics.keys() - new.metrics.keys()
    if not runs and not metrics:
        return ""
    lost = " and ".join(
        f"{noun} {', '.join(sorted(names))}"
        for noun, names in (("runs", runs), ("metrics", metrics))
        if names
    )
    return (
        f"These scores replace earlier ones that also had the {lost}: score all of them together "
        "to have them in one table (measured values are cached)."
    )
