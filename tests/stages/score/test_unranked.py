"""Rows that are not compared with methods: toy weights on other data sets, copies of frames."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from drawn_runs import write_run
from egoactgen_bench import load_scores, load_split
from egoactgen_bench.measurement import sources
from egoactgen_bench.presentation import charts

ROWS = {
    "near": "method",
    "far": "method",
    "toy": "toy weights",
    "copy-input": "copy of the input",
    "images-oracle": "copy of the target",
    "images-reencoded": "copy of the input",
    "images-resized": "copy of the input",
}
METRICS = ("--metrics", "psnr,ssim")


@pytest.fixture
def workspace(bench, drawn_split: Path, runs: dict[str, Path]) -> Path:
    """Two methods, a better run with toy weights, and copies in different encodings and sizes."""
    root = drawn_split.parents[1]
    write_run(drawn_split, "toy", 1, toy_weights=True)
    folders = {name: root / name for name in ("oracle", "reencoded", "resized")}
    for folder in folders.values():
        folder.mkdir()
    split = load_split(drawn_split)
    for sample in split.samples.to_dict("records"):
        frame = Image.open(split.frame_path(sample["input_frame"]))
        target = split.frame_path(sample["target_frame"]).read_bytes()
        name = sample["sample_id"]
        (folders["oracle"] / f"{name}.png").write_bytes(target)
        frame.save(folders["reencoded"] / f"{name}.webp", lossless=True)
        small = frame.resize((64, 64), Image.Resampling.LANCZOS)
        small.save(folders["resized"] / f"{name}.png")
    assert bench("run", "--method", "copy-input").status == 0
    for folder in folders.values():
        assert bench("run", "--method", f"images:{folder}").status == 0
    return root


def marked_best(table: str) -> set[str]:
    """The rows of a Markdown table with a value in bold."""
    return {line.split("|")[1].strip() for line in table.splitlines() if "**" in line}


def test_they_are_marked_and_neither_best_nor_compared(bench, workspace):
    result = bench("score", *METRICS)
    assert result.status == 0, result.err
    folder = workspace / "scores/drawn-val/standard"
    table = (folder / "table.md").read_text()
    assert marked_best(table) == {"near"}
    notes = (
        "References, not methods: copy-input, images-oracle, images-reencoded, images-resized.",
        "All images of copy-input, images-reencoded, images-resized are copies of the input "
        "frames: a reference, however they were made.",
        "All images of images-oracle are copies of the target frames",
        "(toy weights) small weights that know only the toy kitchen",
        "over the 1 pair of methods",
    )
    for text in (table, result.out):
        assert all(note in text for note in notes), text
        assert "toy (toy weights)" in text
    assert "toy (toy weights)" in list(pd.read_csv(folder / "table.csv")["run"])
    assert dict(pd.read_csv(folder / "summary.csv", index_col="run")["kind"]) == ROWS
    scores = load_scores(folder)
    assert set(scores.comparisons["run_a"]) | set(scores.comparisons["run_b"]) == {"near", "far"}
    rows = {run.run: run for run in scores.manifest.runs}
    assert rows["toy"].toy_weights
    assert rows["images-oracle"].copy_of == "target"


def test_a_second_call_finds_copies_without_decoding_images(bench, workspace, monkeypatch):
    assert bench("score", *METRICS).status == 0
    decoded = []
    decode = sources.decode_rgb
    monkeypatch.setattr(
        sources, "decode_rgb", lambda data, name: (decoded.append(name), decode(data, name))[1]
    )
    folder = workspace / "scores/drawn-val/standard"
    before = load_scores(folder).manifest.runs
    assert bench("score", *METRICS).status == 0
    assert load_scores(folder).manifest.runs == before
    assert decoded == []
    # Another image of the same name is compared again, by its content and not by its record.
    run = workspace / "runs/drawn-val/images-resized"
    changed = next((run / "images").iterdir())
    Image.effect_noise((64, 64), 50).convert("RGB").save(changed, format="PNG")
    assert bench("score", *METRICS).status == 0
    rows = {row.run: row.copy_of for row in load_scores(folder).manifest.runs}
    assert rows["images-resized"] == ""
    assert rows["images-reencoded"] == "input"
    assert {Path(name).parents[1].name for name in decoded} <= {"images-resized", "frames"}


def test_the_report_and_the_archive_mark_them_too(bench, workspace):
    assert bench("score", *METRICS).status == 0
    assert bench("pack", "--group", "us").status == 0
    archive = workspace / "packs/drawn-val-us.zip"
    leaderboard = pd.read_csv(archive.with_suffix(".csv"), index_col="run")
    assert dict(leaderboard["kind"]) == ROWS
    for words, folder, prefix in (
        ([], "drawn-val", ""),
        ([archive], "drawn-val-submissions", "us/"),
    ):
        done = bench("report", *words)
        assert done.status == 0, done.err
        page = (workspace / "reports" / folder / "index.html").read_text()
        rows = re.findall(r'<tr[^>]*><th scope="row">([^<]*)(.*?)</tr>', page, re.DOTALL)
        assert {name.strip() for name, cells in rows if "best" in cells} == {f"{prefix}near"}
        references = {name.strip() for name, cells in rows if "reference</span>" in cells}
        assert references == {prefix + run for run, kind in ROWS.items() if "copy" in kind}
        data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
        ranked = {run["name"] for run in data["gallery"]["runs"] if run["ranked"]}
        assert ranked == {f"{prefix}near", f"{prefix}far"}
        assert f"{prefix}toy (toy weights)" in {run["name"] for run in data["gallery"]["runs"]}
        assert f"{prefix}toy (toy weights)" in data["slices"][0]["unranked"]


def test_an_archive_whose_split_is_unknown_is_marked_as_it_was_scored(bench, workspace):
    assert bench("score", *METRICS).status == 0
    assert bench("pack", "--group", "us").status == 0
    elsewhere = workspace.parent / "elsewhere"
    done = bench("-w", elsewhere, "report", workspace / "packs/drawn-val-us.zip")
    assert done.status == 0, done.err
    page = (elsewhere / "reports/drawn-val-submissions/index.html").read_text()
    assert "us/toy (toy weights)" in page
    # Each table is in the page once for the screen and once for printing.
    assert page.count('<span class="tag">reference</span>') == 2 * 4


def test_a_study_says_which_runs_have_toy_weights(bench, workspace):
    done = bench("export-amt", "near", "toy", "--examples", 3)
    assert "note: toy (toy weights): small weights that know only the toy kitchen" in done.out
    study = json.loads((workspace / "studies/drawn-val-best-of/study.json").read_text())
    assert study["toy_weights"] == ["toy"]
    assert any("toy kitchen" in note for note in study["notes"])
    batch = (workspace / "studies/drawn-val-best-of/batch.csv").read_text()
    assert "toy" not in batch


def test_a_run_that_differs_in_one_pixel_is_not_a_copy(bench, drawn_split):
    root, split = drawn_split.parents[1], load_split(drawn_split)
    (root / "edited").mkdir()
    for sample in split.samples.to_dict("records"):
        pixels = np.array(Image.open(split.frame_path(sample["input_frame"])))
        last = sample["sample_id"] == split.samples["sample_id"].iloc[-1]
        pixels[0, 0, 0] ^= int(last)
        Image.fromarray(pixels).save(root / "edited" / f"{sample['sample_id']}.png")
    assert bench("run", "--method", f"images:{root / 'edited'}").status == 0
    assert bench("score", *METRICS).status == 0
    (run,) = load_scores(root / "scores/drawn-val/standard").manifest.runs
    assert (run.reference, run.copy_of) == (False, "")


def test_values_of_toy_networks_say_so_and_rank_nothing(bench, workspace):
    result = bench("score", "near", "far", "--metrics", "clip,psnr", "--weights-dir", "toy")
    assert result.status == 0, result.err
    table = (workspace / "scores/drawn-val/standard/table.md").read_text()
    assert "| CLIP (toy weights) ↑ |" in table
    (near,) = (line for line in table.splitlines() if line.startswith("| near "))
    assert near.count("**") == 2  # PSNR alone
    assert bench("pack", "near", "far").status == 0
    assert set(pd.read_csv(workspace / "packs/drawn-val-anonymous.csv")["toy_metrics"]) == {"clip"}


def test_long_names_keep_the_mark_in_figures():
    shown = charts.short("diffusers-a-very-long-name-of-a-model (toy weights)")
    assert (shown.endswith("… (toy weights)"), len(shown)) == (True, 32)
