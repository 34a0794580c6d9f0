"""The command `bench train`: what it trains first and leaves out, refusals, and dry runs."""

import json
import re

import pytest

from drawn_split import write_drawn_split
from egoactgen_bench.diffusion.denoiser import untrained_weights


def test_toy_denoisers_use_an_autoencoder_that_is_trained_first(bench, tmp_path):
    workspace = tmp_path / "workspace"
    write_drawn_split(workspace / "splits" / "drawn-train", 6, subset="train")
    write_drawn_split(workspace / "splits" / "drawn-val", 2)
    small = ["-o", "size=16", "-o", "batch_size=4", "-o", "iterations=3"]
    assert bench("train", "autoencoder", *small).status == 0
    for method in ("ip2p", "sd"):
        result = bench("train", method, *small[:4], "-o", "iterations=2")
        assert result.status == 0, result.err
        assert f"{method}: 2 steps on 6 samples" in result.out
    weights = ["--weights", "ip2p-drawn-train"]
    result = bench("run", "--method", "ip2p", *weights, "-o", "steps=2", "--limit", 1)
    assert result.status == 0, result.err
    manifest = json.loads((workspace / "models/ip2p-drawn-train/train.json").read_text())
    assert manifest["options"]["passed"]["iterations"] == "2"
    assert manifest["options"]["resolved"]["learning_rate"] == 2e-3
    assert (manifest["subset"], manifest["seed"]) == ("train", 0)
    assert (workspace / "models/ip2p-drawn-train/loss.png").read_bytes()[:4] == b"\x89PNG"
    assert "is already complete" in bench("train", "ip2p", *small[:4], "-o", "iterations=2").out


def test_samples_without_frames_or_texts_are_left_out_and_reported(bench, tmp_path):
    workspace = tmp_path / "workspace"
    split = write_drawn_split(workspace / "splits" / "drawn-train", 3, subset="train")
    (split / "frames" / "V00_0" / "target.png").write_bytes(b"no image")
    (split / "descriptions").mkdir()
    (split / "descriptions" / "own.csv").write_text("sample_id,description\nV00_0,a\nV02_2,b\n")
    options = ["-o", f"init={untrained_weights.NAME}", "-o", "size=16", "-o", "iterations=1"]
    options += ["-o", "conditioning=descriptions", "--descriptions", "own"]
    result = bench("train", "lego", *options)
    assert result.status == 1
    assert "left out: V00_0: unreadable_frame\nleft out: V01_1: missing_prompt" in result.err
    assert "1 steps on 1 samples" in result.out
    for frame in split.glob("frames/*/*.png"):
        frame.unlink()
    result = bench("train", "lego", *options, "--name", "none", "-o", "size=24")
    assert result.status == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ip2p", "--preset", "sd15"], "give -o init=PATH, a diffusers folder"),
        (["ip2p", "--preset", "sd16"], "has no preset 'sd16'. Did you mean 'sd15'?"),
        (["ip2q"], "Unknown trainer 'ip2q'. Did you mean 'ip2p'?"),
        (["ip2p", "-o", "iteration=3"], "Did you mean 'iterations'?"),
        (["lego"], "needs enriched descriptions: give --descriptions NAME"),
        (["lego", "--descriptions", "own"], "give -o features=DIR with DIR/image/<sample_id>.npy"),
        (["ip2p", "-o", "init=toy-untraind"], "Unknown weights 'toy-untraind'"),
        (["ip2p", "--split", "none"], "No finished split 'none' was found"),
    ],
    ids=lambda value: "-".join(value[:3]) if isinstance(value, list) else "",
)
def test_an_invalid_call_is_one_sentence(bench, tmp_path, words, sentence):
    splits = tmp_path / "workspace" / "splits"
    split = write_drawn_split(splits / "drawn-train", 1, subset="train")
    (split / "descriptions").mkdir()
    (split / "descriptions" / "own.csv").write_text("sample_id,description\nV00_0,a hand\n")
    result = bench("train", *words)
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_the_default_split_is_a_training_split(bench, tmp_path):
    splits = tmp_path / "workspace" / "splits"
    write_drawn_split(splits / "drawn-val", 2)
    options = ["-o", f"init={untrained_weights.NAME}", "-o", "size=16", "-o", "iterations=1"]
    result = bench("train", "ip2p", *options)
    assert result.status == 2
    assert "No finished training split was found" in result.err
    result = bench("train", "ip2p", *options, "--split", "drawn-val")
    assert result.status == 0
    assert "note: 'drawn-val' is not a training split" in result.err


def test_a_dry_run_prints_the_plan_and_writes_nothing(bench, tmp_path):
    splits = tmp_path / "workspace" / "splits"
    write_drawn_split(splits / "drawn-train", 4, subset="train")
    result = bench("train", "ip2p", "-o", "iterations=10", "-o", "memory=1", "--dry-run")
    assert result.status == 0, result.err
    for line in (
        r"Networks: small networks; 1\.5 million trainable parameters, 0\.0 million frozen",
        r"  gradients +0\.01 GB",
        r"Steps: 10 of 8 samples \(1 at a time × 8 rounds × 1 devices\)",
        r"Samples seen: 80, 20\.0 epochs of 4",
        r"Time: below 0\.1 hours",
        "Networks from scratch need an autoencoder, which is trained on the split first",
        r"It DOES NOT FIT 1 GB\.",
        r"Nothing was done \(--dry-run\)",
    ):
        assert re.search(line, result.out), (line, result.out)
    assert not (tmp_path / "workspace" / "models").exists()
