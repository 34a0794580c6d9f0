"""All stages on 1,000 tiny samples and, marked slow, how their cost grows up to 10,000."""

from pathlib import Path

import pandas as pd
import pytest

from benchmarks.load import growth
from benchmarks.load.__main__ import STARTUP, costs
from benchmarks.load.drawing import draw
from benchmarks.load.stages import EXAMPLES, SPLIT, STUDY, commands
from egoactgen_bench.stages.study import study_frames

COUNT = 1000
MOST_GROWTH = 11.5  # of processor time, for ten times as many samples
TABLES = ["score psnr", "score fid", "report", "export-amt"]  # what they hold per sample and run
MOST_BYTES = 1024
IMAGE = 56 * 32 * 3  # bytes: no stage's memory may grow by an image per sample


def test_every_stage_of_1000_samples(bench, tmp_path, monkeypatch):
    read: list[Path] = []
    monkeypatch.setattr(
        study_frames,
        "read_rgb",
        lambda path, own=study_frames.read_rgb: read.append(path) or own(path),
    )
    draw(tmp_path, COUNT)
    for stage, arguments in commands(tmp_path, workers=1).items():
        result = bench(*arguments)
        assert result.status == 0, (stage, result.err)
    workspace = tmp_path / "workspace"
    assert len(pd.read_csv(workspace / "splits" / SPLIT / "samples.csv")) == COUNT
    summary = pd.read_csv(workspace / "scores" / SPLIT / "standard" / "summary.csv")
    assert summary["n"].tolist() == [COUNT, COUNT]
    assert {"psnr", "small_fid"} <= set(summary)
    assert len(pd.read_csv(workspace / "studies" / STUDY / "batch.csv")) == EXAMPLES
    # Of each example the input, and two candidates with the target; three for the instructions.
    assert len(read) <= 5 * EXAMPLES + 3


@pytest.mark.slow
def test_cost_of_10000_samples(tmp_path):
    counts = (STARTUP, COUNT, 10 * COUNT)
    table = pd.concat([costs(tmp_path / str(count), count, workers=2) for count in counts])
    print(table.to_string())
    grown = growth.table(table).set_index("stage")
    assert (grown["times"] <= MOST_GROWTH).all()
    assert (grown.loc[TABLES, "bytes"] <= MOST_BYTES).all()
    assert (grown["bytes"] < IMAGE).all()
    by_stage = table.set_index(["stage", "samples"])
    assert by_stage.at[("score psnr", 10 * COUNT), "first_line"] < 5
    export = by_stage.loc["export-amt"]["cpu_seconds"]
    assert export[10 * COUNT] <= 2 * export[COUNT]
