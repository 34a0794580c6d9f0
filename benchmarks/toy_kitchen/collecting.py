"""Write the experiment's results so far, as small tables and figures."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.toy_kitchen import drawing, gaps
from benchmarks.toy_kitchen.plan import CUES, Plan, World
from egoactgen_bench.artifacts.scores import Scores, load_scores
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.support.files import read_json, write_csv, write_json, write_text
from egoactgen_lego.ablation.ablation_rows import TABLES

FILES = {"table.md": ".md", "summary.csv": ".csv", "comparisons.csv": "-tests.csv"}


def collect(plan: Plan, results: Path) -> Iterator[Path]:
    """Write the available results to `results`, and yield each path as it is written."""
    drawing.worlds(results / "worlds")
    yield results / "worlds.png"
    yield from _gaps(plan, results)
    tables = _latest_tables(plan)
    if tables is None:
        return
    for name in TABLES:
        for source, ending in FILES.items():
            path = results / f"{name}{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tables / name / source, path)
            yield path
    ablation = read_json(tables / "ablation.json")
    write_json(results / "made.json", ablation)
    yield results / "made.json"
    split = load_split(World(plan).split(World(plan).test))
    scores = load_scores(tables / "scores")
    yield from _outcomes(scores, split, results)
    drawing.frames(plan.workspace, split, ablation["rows"], results / "frames")
    yield results / "frames.png"


def _latest_tables(plan: Plan) -> Path | None:
    """The tables over the largest number of seeds."""
    parts = [plan.seeds[:number] for number in range(len(plan.seeds), 0, -1)]
    found = (plan.tables(seeds) for seeds in parts)
    return next((path for path in found if (path / "ablation.json").is_file()), None)


def _gaps(plan: Plan, results: Path) -> Iterator[Path]:
    """LEGO's lead over InstructPix2Pix by training steps, and by the strength of the cue."""
    world = World(plan)
    steps = {number: (world, number) for number in sorted({plan.iterations, *plan.curve})}
    cues = {cue: (World(plan, cue), plan.iterations) for cue in ("none", "weak", "strong")}
    assert set(cues) == set(CUES)
    for name, settings, seeds in (("steps", steps, plan.seeds[:1]), ("cues", cues, plan.seeds)):
        found = []
        for key, (where, number) in settings.items():
            folder = plan.gap(where.cue, number, seeds)
            if not (folder / "ablation.json").is_file():
                continue
            split = load_split(where.split(where.test))
            found.append(gaps.gaps(folder, split).assign(**{name: key}))
            yield from _outcomes(load_scores(folder / "scores"), split, results)
        if found:
            table = pd.concat(found, ignore_index=True)
            write_csv(results / f"{name}.csv", table)
            write_text(results / f"{name}.md", gaps.markdown(table, name))
            drawing.gap(table, name, results / name)
            yield results / f"{name}.md"


def _outcomes(scores: Scores, split: Split, results: Path) -> Iterator[Path]:
    """The outcomes of each training, clip by clip: pooled figures do not allow other tests."""
    for run in scores.runs:
        if run not in scores.references:
            path = results / "outcomes" / f"{run}.csv"
            write_csv(path, gaps.outcomes(scores, run, split))
            yield path
