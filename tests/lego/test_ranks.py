"""Every command that works in several processes gives the results of one, also on two nodes."""

import json
import multiprocessing
import os
import shutil
import signal

import numpy as np
import pandas as pd
import pytest
import torch

from drawn_split import write_drawn_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_lego.generator.vllm_conditioning import Conditioner, save_conditioner
from egoactgen_lego.stages.enrich import Enriching
from loopback_cluster import submit
from tiny_vllm import PATCHES, WIDTH, write_tiny_vllm

NAMES = ("one", "two")
# In each process: one command after the other, each started when the previous one is complete.
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
from egoactgen_bench.cli import main

if os.environ["RANK"] == os.environ.get("DYING_RANK"):
    from egoactgen_bench.diffusion.finetuning.training_loop import TrainingLoop
    step = TrainingLoop._step
    def dying(self, number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, number)
    TrainingLoop._step = dying
for words, manifest in json.loads(sys.argv[1]):
    sys.argv = ["bench", *words]
    try:
        main()
    except SystemExit as stop:
        if stop.code:
            raise
    while not Path(manifest).is_file():
        time.sleep(0.05)
"""


@pytest.fixture
def models(tmp_path):
    """A VLLM, and untrained weights that are conditioned on its features."""
    models = tmp_path / "workspace" / "models"
    write_tiny_vllm(models / "vllm")
    shutil.copytree(untrained_weights.folder(models), models / "joint")
    torch.manual_seed(0)
    sizes = {"vllm_width": WIDTH, "image_tokens": PATCHES, "heads": 2, "feed_forward": 16}
    conditioner = Conditioner("joint", width=untrained_weights.WIDTH, **sizes)
    save_conditioner(conditioner, models / "joint" / "conditioner")
    return models


def commands(root, name):
    """Commands with outputs called `name`, each with the file that it writes last."""
    split, features = root / "splits" / "drawn-val", root / "features" / name
    vllm, batches = ("--weights", "vllm"), ("--batch-size", "2")
    sampling = ("--temperature", "1", "--max-new-tokens", "20")
    written = ("--features", root / "written" / name)
    images = ("--descriptions", name, "-o", f"features={features}", "--name", name)
    small = ("init=toy-untrained", "size=32", "iterations=5", "batch_size=4", "checkpoint_every=2")
    train = ("train", "ip2p", "--split", "drawn-train", "--name", name)
    called = {
        split / "descriptions" / f"{name}.json": (
            *("lego", "enrich", *vllm, *batches, *sampling, "--name", name, *written),
        ),
        features / "embed.json": (
            *("lego", "embed", *vllm, *batches, "--descriptions", name, "--out", features),
        ),
        root / "runs" / "drawn-val" / name / "run.json": (
            *("run", "--method", "lego", "--weights", "joint", "-o", "steps=2", *batches, *images),
        ),
        root / "scores" / name / "score.json": (
            *("score", name, "--metrics", "psnr", *batches, "--out", root / "scores" / name),
        ),
        root / "models" / name / "train.json": (
            *train,
            *(word for option in small for word in ("-o", option)),
        ),
    }
    common = ("--device", "cpu", "--workspace", root)
    return [([*map(str, (*words, *common))], str(last)) for last, words in called.items()]


def outputs(root, name):
    """All output files but those of the training, except for manifests and a run's table."""
    places = {
        "descriptions": root / "splits" / "drawn-val" / "descriptions" / f"{name}.csv",
        "written": root / "written" / name,
        "features": root / "features" / name,
        "images": root / "runs" / "drawn-val" / name / "images",
    }
    files = {
        (what, path.relative_to(place).as_posix()): path
        for what, place in places.items()
        for path in ([place] if place.is_file() else place.rglob("*.*"))
        if path.suffix != ".json"
    }
    assert len(files) == 1 + 2 * 10 + 5
    return files


def test_two_nodes_give_the_results_of_one_process_after_one_has_died(bench, models, tmp_path):
    """By the script of docs/cluster.md, on five samples in batches of two, and four steps."""
    root = tmp_path / "workspace"
    write_drawn_split(root / "splits" / "drawn-val", count=5)
    write_drawn_split(root / "splits" / "drawn-train", count=5, subset="train")

    def job(**environment):
        words = ("python", "-c", PROGRAM, json.dumps(commands(root, "two")))
        process = submit(tmp_path, "nodes.sbatch", *words, **environment)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    status, out, err = job(DYING_RANK="1")
    assert status != 0
    assert "bench: Another process of this command has ended" in err
    for sentence in ("5 of 5 samples described", "5 of 5 samples embedded", "5 of 5 images"):
        assert out.count(sentence) == 1, out  # only rank 0 reports
    times = {path: path.stat().st_mtime_ns for path in outputs(root, "two").values()}
    status, out, err = job()
    assert status == 0, err[-3000:]
    assert out.count("Weights in") == 1
    assert times == {path: path.stat().st_mtime_ns for path in times}
    shutil.rmtree(root / "cache")  # so that one process computes everything again
    for words, _ in commands(root, "one"):
        result = bench(*words)
        assert result.status == 0, result.err
    one, two = ({k: path.read_bytes() for k, path in outputs(root, n).items()} for n in NAMES)
    assert one == two
    one, two = (pd.read_csv(root / "scores" / n / "scores.csv")["value"] for n in NAMES)
    assert one.tolist() == two.tolist()
    one, two = (json.loads((root / "models" / n / "train.json").read_text()) for n in NAMES)
    assert np.allclose(one["loss"], two["loss"], atol=1e-4)


def test_a_killed_shard_of_enrich_repeats_only_its_unfinished_batch(
    bench, models, tmp_path, monkeypatch
):
    root = tmp_path / "workspace"
    split = write_drawn_split(root / "splits" / "drawn-val", count=5)
    written = {name: root / "written" / name for name in NAMES}

    def enrich(name, *words):
        sampling = ("--temperature", "1", "--max-new-tokens", "8", "--device", "cpu")
        results = ("--name", name, "--features", written[name], "--batch-size", "1")
        result = bench("lego", "enrich", "--weights", "vllm", *sampling, *results, *words)
        assert result.status == 0, result.err

    def killed():
        describe, calls = Enriching.describe, []

        def second(stage, samples):
            calls.append(samples)
            if len(calls) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return describe(stage, samples)

        monkeypatch.setattr(Enriching, "describe", second)
        enrich("two", "--shard", "2/2")

    shard = multiprocessing.get_context("fork").Process(target=killed)
    shard.start()
    shard.join()
    assert shard.exitcode == -signal.SIGKILL
    times = {path: path.stat().st_mtime_ns for path in written["two"].rglob("V*")}
    assert {path.stem for path in times} == {"V01_1"}  # of its samples V01_1 and V00_3
    enrich("two", "--shard", "1/2")
    enrich("two", "--shard", "2/2")
    assert times == {path: path.stat().st_mtime_ns for path in times}
    enrich("one")
    texts = [(split / "descriptions" / f"{name}.csv").read_bytes() for name in NAMES]
    assert texts[0] == texts[1]
    one, two = (
        {path.relative_to(written[name]): path.read_bytes() for path in written[name].rglob("V*")}
        for name in NAMES
    )
    assert one == two
    assert len(one) == 2 * 5
