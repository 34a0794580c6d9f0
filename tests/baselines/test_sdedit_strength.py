"""`bench train sdedit`: the sweep over strengths, on training splits only."""

import json

import pandas as pd
import pytest

from drawn_split import write_drawn_split
from egoactgen_bench.api.weights_folder import SHIPPED

TOY = ("-o", "weights=toy")
FEW = ("-o", "steps=4", "-o", "samples=2", "-o", "metric=psnr", "-o", "strengths=0.9,0,0.5", *TOY)


@pytest.fixture
def workspace(tmp_path):
    write_drawn_split(tmp_path / "workspace/splits/drawn-val", 3)
    write_drawn_split(tmp_path / "workspace/splits/drawn-train", 3, subset="train")
    return tmp_path / "workspace"


def test_the_best_strength_is_saved_and_used(bench, workspace):
    done = bench("train", "sdedit", *FEW)
    assert done.status == 0, done.err
    folder = workspace / "models/sdedit-drawn-train"
    train = json.loads((folder / "train.json").read_text())
    summary = pd.read_csv(folder / "scores/summary.csv")
    assert train["means"] == dict(zip(("0.0", "0.5", "0.9"), summary.psnr, strict=True))
    best = max(train["means"], key=train["means"].get)
    assert train["strength"] == float(best)
    chosen = json.loads((folder / "strength.json").read_text())
    assert len(chosen.pop("checksum")) == 64
    assert chosen == {"format": 1, "strength": float(best), "weights": "toy-sd"}

    call = ("run", "--method", "sdedit", "-o", "steps=4", "--limit", 1)
    done = bench(*call, "--weights", "sdedit-drawn-train", "--name", "tuned")
    assert done.status == 0, done.err
    assert bench(*call, "--weights", "toy", "-o", f"strength={best}", "--name", "plain").status == 0
    runs = [workspace / "runs/drawn-val" / name for name in ("tuned", "plain")]
    manifests = [json.loads((run / "run.json").read_text()) for run in runs]
    assert manifests[0]["options"]["resolved"] == manifests[1]["options"]["resolved"]
    assert manifests[0]["weights"] == manifests[1]["weights"]
    assert [manifest["toy_weights"] for manifest in manifests] == [True, True]
    images = [next((run / "images").iterdir()).read_bytes() for run in runs]
    assert images[0] == images[1]


def test_a_test_split_is_refused(bench, workspace):
    done = bench("train", "sdedit", *FEW, "--split", "drawn-val")
    assert (done.status, done.out) == (2, "")
    assert "'drawn-val' is not a training split" in done.err
    assert not (workspace / "models/sdedit-drawn-val").exists()


def test_a_metric_without_weights_is_refused_before_generating(bench, workspace):
    done = bench("train", "sdedit", *FEW[:4], *TOY, "-o", "metric=lpips", "-o", "strengths=0.5")
    assert done.status == 2
    assert "squeezenet1_1-b8a52dc0.pth" in done.err
    assert not (workspace / "models/sdedit-drawn-train/runs").exists()


def test_toy_kitchen_splits_are_scored_with_toy_weights(bench, workspace):
    manifest = workspace / "splits/drawn-train/split.json"
    manifest.write_text(manifest.read_text().replace('"drawn"', '"toy-kitchen"'))
    done = bench("train", "sdedit", *FEW[:4], "-o", "metric=lpips", "-o", "strengths=0.5")
    assert done.status == 0, done.err
    score = json.loads((workspace / "models/sdedit-drawn-train/scores/score.json").read_text())
    assert "toy/" in json.dumps(score["metrics"]["lpips"])


def test_strengths_out_of_range_are_refused(bench, workspace):
    done = bench("train", "sdedit", "-o", "strengths=0.5,1.5")
    assert done.status == 2
    assert "strengths must be in 0 … 1" in done.err


def test_the_samples_are_drawn_and_recorded(bench, tmp_path):
    split = write_drawn_split(tmp_path / "workspace/splits/drawn-train", 6, subset="train")
    # Sorted by video: the first samples are all of one video.
    table = pd.read_csv(split / "samples.csv").sort_values("video_id", kind="stable")
    table.to_csv(split / "samples.csv", index=False)
    few = ("-o", "steps=1", "-o", "metric=psnr", "-o", "strengths=1", "-o", "samples=3")
    few += ("-o", f"weights={SHIPPED}")
    done = bench("train", "sdedit", *few)
    assert done.status == 0, done.err
    folder = tmp_path / "workspace/models/sdedit-drawn-train"
    made = pd.read_csv(folder / "runs/strength-1.0/samples.csv")
    assert sorted(made["sample_id"].str[:3]) == ["V00", "V01", "V02"]
    train = json.loads((folder / "train.json").read_text())
    rule = "systematic over samples sorted by video"
    assert train["drawn"] == {"rule": rule, "count": 3, "of": 6, "seed": 0}
    assert pd.read_csv(folder / "scores/summary.csv")["n"].tolist() == [3]

    del train["sources"]["samples"], train["checksum"]  # as before samples were drawn
    (folder / "train.json").write_text(json.dumps(train))
    again = bench("train", "sdedit", *few)
    assert again.status == 2
    assert "a finished training with other settings (sources.samples null → " in again.err
