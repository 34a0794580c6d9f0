"""The stage score on a synthetic split: files, values, resuming, processes, protocols, slices."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import egoactgen_bench
from drawn_metrics import Counting, Spread, Width, named
from drawn_runs import contents, damage, in_process, scores_folder
from egoactgen_bench.artifacts.splits import Split, load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.presentation.terminal_table import text
from egoactgen_bench.stages.score.score_runs import score


def test_files_have_the_contract_s_content(bench, drawn_split, runs):
    result = bench("score", "--metrics", "psnr,ssim", "--reference", "target,copy-input")
    assert result.status == 0, result.err
    folder = scores_folder(drawn_split)
    values = pd.read_csv(folder / "scores.csv")
    assert list(values) == ["split", "run", "sample_id", "metric", "value", "signature"]
    assert len(values) == 4 * 6 * 2
    assert set(values["run"]) == {"near", "far", "target", "copy-input"}
    assert values["signature"].str.endswith("|r:1|n:6").all()
    summary = pd.read_csv(folder / "summary.csv", index_col="run")
    assert list(summary) == [
        *("n", "psnr", "psnr_lo", "psnr_hi", "ssim", "ssim_lo", "ssim_hi", "kind")
    ]
    assert summary.loc["target", "psnr"] == np.inf
    assert summary[["psnr_lo", "psnr_hi"]].isna().all(axis=None)  # of only three videos
    near = values[(values["run"] == "near") & (values["metric"] == "psnr")]["value"]
    assert summary.loc["near", "psnr"] == pytest.approx(near.mean())
    comparisons = pd.read_csv(folder / "comparisons.csv")
    assert list(comparisons) == ["metric", "run_a", "run_b", "difference", "p_value"]
    assert comparisons["metric"].tolist() == ["psnr", "ssim"]
    assert set(comparisons["run_a"]) | set(comparisons["run_b"]) == {"near", "far"}
    assert comparisons["p_value"].tolist() == [0.25, 0.25]  # all signs of three videos are equal
    assert not comparisons["difference"].isna().any()
    manifest = json.loads((folder / "score.json").read_text())
    assert manifest["withheld_intervals"]["psnr"]["near"] == "fewer than 4 videos"
    assert manifest["metrics"]["psnr"]["signature"] == "psnr|resize:lanczos|range:255|r:1"
    for name in ("table.md", "table.tex", "table.csv"):
        assert (folder / name).is_file()


def test_the_same_call_twice_gives_the_same_bytes(drawn_split, runs, tmp_path):
    first = in_process(drawn_split, tmp_path / "a", metrics=["psnr", "ssim"])
    second = in_process(drawn_split, tmp_path / "a", metrics=["psnr", "ssim"])
    other = in_process(drawn_split, tmp_path / "b", metrics=["psnr", "ssim"], batch_size=1)
    assert contents(first.folder) == contents(second.folder) == contents(other.folder)
    manifests = [json.loads((s.folder / "score.json").read_text()) for s in (first, other)]
    for manifest in manifests:
        for key in ("timing", "device", "versions", "checksum", "batch_size"):
            del manifest[key]
    assert manifests[0] == manifests[1]
    pd.testing.assert_frame_equal(egoactgen_bench.load_scores(first.folder).summary, first.summary)


def test_only_new_images_are_measured(drawn_split, runs, tmp_path):
    choices = {"workspace": tmp_path / "workspace", "metrics": [named(Counting)], "batch_size": 4}
    Counting.calls.clear()
    in_process(drawn_split, tmp_path / "out", **choices)
    assert Counting.calls == [4, 4, 2, 2]
    in_process(drawn_split, tmp_path / "out", **choices)
    assert len(Counting.calls) == 4
    image = next((runs["near"] / "images").iterdir())
    Image.new("RGB", (96, 64), "red").save(image)
    changed = in_process(drawn_split, tmp_path / "out", **choices)
    assert Counting.calls[4:] == [1]
    assert any("1 image of run 'near' changed" in note for note in changed.manifest.notices)
    in_process(drawn_split, tmp_path / "out", **choices, overwrite=True)
    assert Counting.calls[5:] == [4, 4, 2, 2]


def test_an_interrupted_call_resumes(drawn_split, runs, tmp_path, monkeypatch):
    choices = {"workspace": tmp_path / "workspace", "metrics": [named(Counting)], "batch_size": 2}
    whole = in_process(drawn_split, tmp_path / "whole", metrics=[named(Counting)], batch_size=2)
    Counting.calls.clear()
    measure = Counting.measure

    def killed(self, batch):
        if len(self.calls) == 3:
            raise KeyboardInterrupt
        return measure(self, batch)

    monkeypatch.setattr(Counting, "measure", killed)
    with pytest.raises(KeyboardInterrupt):
        in_process(drawn_split, tmp_path / "out", **choices)
    assert not (tmp_path / "out" / "score.json").exists()
    monkeypatch.setattr(Counting, "measure", measure)
    resumed = in_process(drawn_split, tmp_path / "out", **choices)
    assert len(Counting.calls) == 6
    assert contents(resumed.folder) == contents(whole.folder)


def test_metrics_of_whole_sets(drawn_split, runs, tmp_path):
    scores = in_process(drawn_split, tmp_path / "out", metrics=[named(Spread)], fid_permutations=19)
    rows = scores.values
    assert rows["sample_id"].tolist() == ["", ""]
    assert scores.summary["spread_lo"].isna().all()
    assert scores.comparisons["p_value"].between(0.05, 1).all()
    assert scores.comparisons["difference"].tolist() == pytest.approx(
        [rows["value"].diff().iloc[1] * -1]
    )


def test_too_few_samples_are_one_sentence_for_all_metrics_and_runs(drawn_split, runs, tmp_path):
    # Once, four sentences named each of five runs.
    scores = in_process(drawn_split, tmp_path / "out", metrics=[named(Spread), named(Width)])
    (few,) = [note for note in scores.manifest.notices if "noisy" in note]
    assert few == (
        f"{Spread.label}, {Width.label} are biased and noisy below 100 samples, and there "
        "are only 6: not ranked here; score a larger split to compare by them."
    )
    assert text(scores).count("noisy") == 1


def test_dry_run_does_nothing(bench, drawn_split, runs):
    result = bench("score", "--dry-run")
    assert result.status == 0
    assert "6 samples, 2 rows (far, near)" in result.out
    assert "reads 18 images" in result.out
    assert "unknown until a first scoring" in result.out
    assert not (drawn_split.parents[1] / "scores").exists()
    assert not (drawn_split.parents[1] / "cache").exists()


def test_dry_run_expects_the_last_pace(bench, drawn_split, runs):
    bench("score", "--metrics", "psnr")
    assert "at the previous speed" in bench("score", "--metrics", "psnr", "--dry-run").out


def in_two_processes(out: Path, workspace: Path, *options: str) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    program = ["--no-python", str(Path(sys.executable).with_name("bench")), "score"]
    chosen = ["-w", workspace, "--metrics", "psnr,ssim", "--batch-size", "2", "--out", out]
    done = subprocess.run(
        [*launch, *program, *map(str, chosen), *options],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.count("Scores in") == 1, done.stderr


def test_two_processes_give_the_same_scores_as_one(drawn_split, runs, tmp_path):
    damage(runs["far"])
    workspace = tmp_path / "workspace"
    alone = in_process(drawn_split, tmp_path / "alone", metrics=["psnr", "ssim"], batch_size=2)
    in_two_processes(tmp_path / "two", workspace)
    assert contents(tmp_path / "two") == contents(alone.folder)
    for rows in (workspace / "cache" / "measured").rglob("*.rows"):
        rows.write_bytes(bytes(rows.stat().st_size))
    in_two_processes(tmp_path / "stale", workspace)
    assert contents(tmp_path / "stale") != contents(alone.folder)
    in_two_processes(tmp_path / "again", workspace, "--overwrite")
    assert contents(tmp_path / "again") == contents(alone.folder)


def test_table_for_terminals(drawn_split, runs, tmp_path):
    scores = in_process(drawn_split, tmp_path / "out", metrics=["psnr", "ssim"])
    head, _, *lines = text(scores, 80).splitlines()
    assert head == "drawn-val, protocol standard"
    assert lines[0].split() == ["far", "near"]
    cells = lines[1].split()
    for run, value in zip(("far", "near"), (cells[2], cells[4 + ("*" in cells)]), strict=True):
        assert value == f"{scores.summary.set_index('run').loc[run, 'psnr']:.2f}"
    assert lines[1].endswith("•")
    assert [line.split()[0] for line in lines[1:4]] == ["PSNR", "SSIM", "samples"]
    narrow = text(scores, 30).splitlines()
    assert [line.split() for line in narrow if "far" in line or "near" in line] == [
        ["far"],
        ["near"],
    ]
    assert sum(line.startswith("PSNR ↑") for line in narrow) == 2


def test_published_rows_appear_only_with_their_own_protocol(drawn_split, runs, tmp_path):
    split = load_split(drawn_split)
    manifest = split.manifest.model_copy(update={"dataset": "ego4d"})
    real = Split(split.folder, manifest, split.samples)
    run = egoactgen_bench.load_run(runs["near"])

    def table(name: str, **choices: object) -> str:
        scores = score(real, [run], tmp_path / name, metrics=["psnr"], device="cpu", **choices)
        return (scores.folder / "table.md").read_text()

    own = table("own", protocol="lego-release")
    assert "| LEGO, other samples (published) |  | 12.29 |" in own
    assert "LEGO's authors filtered theirs (they trained on about 85,300 samples" in own
    assert "this split has 6 of 6 annotated actions" in own
    assert "published" not in table("other", protocol="standard")
    altered = table("altered", protocol="lego-release", options={"psnr.resize": "lanczos"})
    assert "published" not in altered
    assert "- Set by -o, deviating from protocol lego-release: psnr." in altered


def test_slices(drawn_split, runs, tmp_path):
    scores = in_process(drawn_split, tmp_path / "out", metrics=["psnr"])
    split = load_split(drawn_split)
    table = egoactgen_bench.slice_scores(scores, split, "verb")
    assert table["n"].tolist() == [2] * 6
    values = scores.values.merge(split.samples, on="sample_id")
    wanted = values.groupby(["verb", "run"])["value"].mean()
    for row in table.to_dict("records"):
        assert row["psnr"] == pytest.approx(wanted[row["part"], row["run"]])
        assert np.isnan([row["psnr_lo"], row["psnr_hi"]]).all()  # of one video
    kitchens = split.samples.assign(
        dataset="epic-kitchens", video_id=[f"P{18 if n < 2 else 1:02d}_0{n}" for n in range(6)]
    )
    epic = Split(split.folder, split.manifest, kitchens)
    by = egoactgen_bench.slice_scores(scores, epic, "participant").set_index(["run", "part"])["n"]
    assert by.to_dict() == {
        (run, part): n for run in ("far", "near") for part, n in (("seen", 4), ("unseen", 2))
    }
    given = egoactgen_bench.slice_scores(scores, epic, "participant", train={"P18"})
    assert given.set_index(["run", "part"])["n"]["far", "unseen"] == 4
    with pytest.raises(BenchError, match="Did you mean 'verb'"):
        egoactgen_bench.slice_scores(scores, split, "verbs")
