"""Scoring adds to the scores that stand, and never drops any without a sentence."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from drawn_metrics import Spread, named
from drawn_runs import FILES, in_process, scores_folder, write_run
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.scores import load_scores
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.stages.score import score_files, score_runs
from egoactgen_bench.stages.score.score_files import finish_writing
from egoactgen_bench.stages.score.score_runs import score

SPREAD = named(Spread)


def tables(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def cells(folder):
    """The runs and metrics that have a value."""
    values = pd.read_csv(folder / "scores.csv")
    return set(zip(values["run"], values["metric"], strict=True))


@pytest.fixture
def scored(bench, drawn_split, runs):
    """The folder of scores of both runs by PSNR, and a function that scores further."""

    def further(*words):
        result = bench("score", *words)
        assert result.status == 0, result.err
        return result.err

    further("--metrics", "psnr")
    return scores_folder(drawn_split), further


@pytest.mark.parametrize(
    "calls",
    [
        [["--metrics", "ssim"]],
        [["near", "--metrics", "ssim"], ["far", "--metrics", "ssim"]],
        [["--metrics", "ssim"], ["near", "--metrics", "psnr", "--overwrite"]],
    ],
)
def test_metrics_and_runs_are_added_as_if_scored_together(scored, tmp_path, calls):
    folder, further = scored
    for words in calls:
        assert "dropped" not in further(*words)
    added = tables(folder)
    shutil.rmtree(folder)
    further("--metrics", "psnr,ssim")
    assert tables(folder) == added


def test_a_cell_that_was_not_measured_is_empty_and_its_n_is_shown(scored):
    folder, further = scored
    further("near", "--metrics", "ssim")
    assert cells(folder) == {("near", "psnr"), ("far", "psnr"), ("near", "ssim")}
    summary = pd.read_csv(folder / "summary.csv", index_col="run")
    assert summary["ssim_n"].to_dict() == {"near": 6, "far": 0}
    assert "| far | 6 |" in (folder / "table.md").read_text()
    table = pd.read_csv(folder / "table.csv", index_col="run")
    assert table.loc["far", "SSIM"] == "–"
    assert set(load_scores(folder).manifest.withheld_intervals["ssim"]) == {"near"}


def test_references_stay(scored):
    folder, further = scored
    further("--metrics", "psnr", "--reference", "target")
    further("near", "--metrics", "ssim")
    assert ("target", "psnr") in cells(folder)
    assert load_scores(folder).runs == ["far", "near", "target"]


def test_only_narrows_and_says_what_it_drops(scored):
    folder, further = scored
    printed = further("near", "--metrics", "ssim", "--only")
    assert "Earlier scores are dropped (--only): psnr of far, near." in printed
    assert cells(folder) == {("near", "ssim")}


def test_scores_of_changed_images_are_dropped(scored, drawn_split):
    folder, further = scored
    write_run(drawn_split, "far", 60)
    printed = further("near", "--metrics", "ssim")
    assert "(the run's images have changed): psnr of far." in printed
    assert cells(folder) == {("near", "psnr"), ("near", "ssim")}


def test_scores_of_changed_copies_of_the_input_are_dropped(bench, scored, drawn_split):
    folder, further = scored
    assert bench("run", "--method", "copy-input", "--name", "copies").status == 0
    further("copies", "--metrics", "psnr")
    assert load_scores(folder).references == ["copies"]
    write_run(drawn_split, "copies", 60)
    printed = further("near", "--metrics", "ssim")
    assert "(the run's images have changed): psnr of copies." in printed


def test_options_set_by_hand_are_named_once(scored):
    folder, further = scored
    for run in ("near", "far"):
        further(run, "--metrics", "psnr", "-o", "psnr.resize=released")
    assert cells(folder) == {("near", "psnr"), ("far", "psnr")}
    assert load_scores(folder).manifest.deviating == ["psnr"]


def test_scores_of_a_run_that_was_removed_stay(scored, runs):
    folder, further = scored
    shutil.rmtree(runs["far"])
    assert "dropped" not in further("--metrics", "ssim")
    assert ("far", "psnr") in cells(folder)


def test_scores_with_other_settings_are_not_mixed(scored):
    folder, further = scored
    further("--metrics", "ssim")
    manifest = json.loads((folder / "score.json").read_text())
    signature = manifest["metrics"]["psnr"]["signature"]
    manifest["metrics"]["psnr"]["signature"] = f"{signature}|older"
    (folder / "score.json").write_text(json.dumps(manifest))
    printed = further("near", "--metrics", "psnr")
    assert "(they were measured with other settings or weights): psnr of far." in printed
    assert cells(folder) == {("near", "psnr"), ("near", "ssim"), ("far", "ssim")}


def test_scores_of_a_changed_split_are_dropped(scored):
    folder, further = scored
    manifest = json.loads((folder / "score.json").read_text())
    (folder / "score.json").write_text(json.dumps(manifest | {"fingerprint": "0" * 64}))
    printed = further("near", "--metrics", "ssim")
    assert "Earlier scores are dropped (the split has changed): all of them." in printed
    assert cells(folder) == {("near", "ssim")}


def test_damaged_tables_are_not_kept(scored):
    folder, further = scored
    path = folder / "scores.csv"
    path.write_bytes(path.read_bytes().replace(b"far", b"fur"))
    assert "scores.csv differs from its sha256" in further("near", "--metrics", "ssim")
    assert cells(folder) == {("near", "ssim")}


def test_tests_of_set_metrics_stay(drawn_split, runs, tmp_path):
    split, found = load_split(drawn_split), [load_run(path) for path in runs.values()]
    score(split, found, tmp_path, metrics=[SPREAD], fid_permutations=99)
    first = load_scores(tmp_path).comparisons
    added = score(split, found, tmp_path, metrics=["psnr"])
    again = added.comparisons
    kept = again[again["metric"] == Spread.name].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, first)


def test_failures_of_other_metrics_stay(scored, drawn_split, runs):
    folder, _ = scored
    table = pd.read_csv(runs["far"] / "samples.csv", keep_default_na=False)
    table.loc[0, ["image", "sha256", "status"]] = ["", "", "out_of_memory"]
    table.to_csv(runs["far"] / "samples.csv", index=False)
    score(load_split(drawn_split), [load_run(runs["far"])], folder, metrics=["psnr"])
    assert len(load_scores(folder).errors) == 1
    score(load_split(drawn_split), [load_run(runs["near"])], folder, metrics=["ssim"])
    assert len(load_scores(folder).errors) == 1


@pytest.mark.parametrize("moment", [1, 4, 9])
def test_a_call_killed_while_it_writes_loses_nothing(scored, drawn_split, monkeypatch, moment):
    folder, further = scored
    moved = []

    def killed(path, target):
        moved.append(target)
        if len(moved) == moment:
            raise KeyboardInterrupt
        return replace(path, target)

    replace = Path.replace
    with monkeypatch.context() as patched:
        for module in (score_files, score_runs):
            patched.setattr(module, "finish_writing", lambda folder: None)
        in_process(drawn_split, folder, metrics=["ssim"])  # up to the complete new tables
        patched.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            finish_writing(folder)
    further("near", "--metrics", "change")
    every = {(run, metric) for run in ("near", "far") for metric in ("psnr", "ssim")}
    assert cells(folder) == every | {("near", "change")}
