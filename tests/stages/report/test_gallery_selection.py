"""A large split's gallery: the extremes of each metric, a seeded random sample, and a statement."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from drawn_runs import write_drawn_run
from drawn_split import write_drawn_split
from egoactgen_bench import load_run, load_scores, load_split, report, score
from egoactgen_bench.artifacts.workspace import Workspace
from egoactgen_bench.stages.report import gallery_selection
from egoactgen_bench.stages.report.gallery_selection import select
from egoactgen_bench.stages.report.report_contents import gather

COUNT, MOST, EXTREMES = 30, 12, 6


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("workspace")
    folder = write_drawn_split(root / "splits" / "drawn-val", count=COUNT, size=(24, 16))
    runs = [load_run(write_drawn_run(folder, "ip2p")), load_run(write_drawn_run(folder, "lego"))]
    scores = root / "scores" / "drawn-val" / "standard"
    score(load_split(folder), runs, scores, metrics=["psnr"], references=["target"], bootstrap=0)
    return root


@pytest.fixture
def small_gallery(monkeypatch):
    monkeypatch.setattr(gallery_selection, "MOST_SAMPLES", MOST)
    monkeypatch.setattr(gallery_selection, "MOST_EXTREMES", EXTREMES)


def contents_of(workspace: Path):
    return gather(Workspace(workspace), load_split(workspace / "splits" / "drawn-val"))


def test_a_small_split_is_shown_whole_without_a_statement(workspace):
    selection = select(contents_of(workspace))
    assert selection.positions == list(range(COUNT))
    assert str(selection) == ""


def test_best_and_worst_samples_of_each_run_are_selected(workspace, small_gallery):
    contents = contents_of(workspace)
    selection = select(contents)
    assert len(selection.positions) == MOST
    assert selection.extremes == EXTREMES
    assert selection.positions == sorted(set(selection.positions))
    shown = set(contents.split.samples["sample_id"].iloc[selection.positions])
    values = load_scores(workspace / "scores/drawn-val/standard").values
    for run in ("ip2p", "lego"):
        psnr = values[values["run"] == run].set_index("sample_id")["value"]
        assert {psnr.idxmax(), psnr.idxmin()} <= shown
    assert select(contents_of(workspace)) == selection


def test_page_and_thumbnails_contain_only_the_selection(workspace, small_gallery, tmp_path):
    split = load_split(workspace / "splits" / "drawn-val")
    page = report(split, workspace, tmp_path).page.read_text()
    assert (
        f"The gallery shows {MOST} of {COUNT} samples: {EXTREMES} with the highest and lowest "
        f"values of each metric and run, and {MOST - EXTREMES} selected at random (seed 0)."
    ) in page
    assert f"{COUNT} samples of" in page
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page)
    gallery = json.loads(data[1])["gallery"]
    ids = split.samples["sample_id"].tolist()
    assert gallery["ids"] == [
        ids[position] for position in select(contents_of(workspace)).positions
    ]
    assert {len(run["pictures"]) for run in gallery["runs"]} == {MOST}
    run = pd.read_csv(workspace / "runs/drawn-val/lego/samples.csv").set_index("sample_id")
    assert gallery["runs"][1]["pictures"] == [run.at[i, "sha256"][:16] for i in gallery["ids"]]
    assert len(list(tmp_path.glob("thumbnails/*/*/*.webp"))) == 4 * MOST


def test_random_samples_do_not_depend_on_the_runs(workspace, small_gallery, monkeypatch):
    monkeypatch.setattr(gallery_selection, "MOST_EXTREMES", 0)
    contents = contents_of(workspace)
    first = select(contents).positions
    contents.scores.clear()
    assert select(contents).positions == first
