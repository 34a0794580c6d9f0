"""The files of finished scores; score.json is written last."""

import shutil
from dataclasses import replace
from pathlib import Path

from egoactgen_bench.analysis.slices import all_slices
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import SCORE, ScoreManifest
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.presentation.score_tables import latex, markdown, plain
from egoactgen_bench.stages.score.summarising import Tables
from egoactgen_bench.support.files import sha256_file, write_csv, write_text
from egoactgen_bench.support.replacing import replacing_folder

TABLES = (
    "scores.csv",
    "summary.csv",
    "comparisons.csv",
    "errors.csv",
    "slices.csv",
    "table.csv",
    "table.md",
    "table.tex",
    "captions.csv",  # only if there are captions
)
NEXT = ".next"  # the folder of new tables


def write_scores(folder: Path, split: Split, manifest: ScoreManifest, tables: Tables) -> Scores:
    """Write the tables and score.json, all of them or none."""
    summary = tables.summary.assign(kind=[run.kind for run in manifest.runs])
    scores = Scores(folder, manifest, tables.values, summary, tables.comparisons, tables.errors)
    with replacing_folder(folder / NEXT) as new:
        write_csv(new / "scores.csv", tables.values)
        write_csv(new / "summary.csv", summary)
        write_csv(new / "comparisons.csv", tables.comparisons)
        write_csv(new / "errors.csv", tables.errors)
        if not tables.captions.empty:
            write_csv(new / "captions.csv", tables.captions)
        write_csv(new / "slices.csv", all_slices(scores, split))
        write_csv(new / "table.csv", plain(scores))
        write_text(new / "table.md", markdown(scores))
        write_text(new / "table.tex", latex(scores))
        files = {name: sha256_file(new / name) for name in TABLES if (new / name).is_file()}
        manifest = manifest.model_copy(update={"files": files})
        manifest.save(new / SCORE)
    finish_writing(folder)
    return replace(scores, manifest=manifest)


def finish_writing(folder: Path) -> None:
    """Put complete new tables in their place, also those of a call that was killed while it did so.

    Scores are added to what stands in the folder, so that no moment may be without either.
    """
    new = folder / NEXT
    if not (new / SCORE).is_file():
        return
    (folder / SCORE).unlink(missing_ok=True)
    if not read_manifest(new / SCORE, ScoreManifest).files.get("captions.csv"):
        (folder / "captions.csv").unlink(missing_ok=True)
    for name in (*TABLES, SCORE):
        if (new / name).is_file():  # else it is in its place already
            (new / name).replace(folder / name)
    shutil.rmtree(new)
