"""`bench lego enrich`, `embed` and `bench run` in two processes give the bytes of one."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from drawn_split import write_drawn_split
from egoactgen_bench.diffusion.denoiser import untrained_weights
from egoactgen_lego.generator.vllm_conditioning import Conditioner, save_conditioner
from tiny_vllm import PATCHES, WIDTH, write_tiny_vllm

# In each process: one command after the other, each started when the previous one is complete.
PROGRAM = """
import json, sys, time
from pathlib import Path
from egoactgen_bench.cli import main

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
    """Commands for descriptions, features and images called `name`, with their last output file."""
    split, features = root / "splits" / "drawn-val", root / "features" / name
    common = ("--batch-size", "2", "--device", "cpu", "--workspace", root)
    vllm, words = ("--weights", "vllm"), ("--temperature", "1", "--max-new-tokens", "20")
    enrich = (
        "lego",
        "enrich",
        *vllm,
        "--name",
        name,
        *words,
        "--features",
        root / "written" / name,
    )
    embed = ("lego", "embed", *vllm, "--descriptions", name, "--out", features)
    lego = ("run", "--method", "lego", "--weights", "joint", "-o", "steps=2")
    run = (*lego, "--descriptions", name, "-o", f"features={features}", "--name", name)
    called = {
        enrich: split / "descriptions" / f"{name}.json",
        embed: features / "embed.json",
        run: root / "runs" / "drawn-val" / name / "run.json",
    }
    return [([*map(str, (*words, *common))], str(last)) for words, last in called.items()]


def made(root, name):
    """Bytes of all output files, except for manifests and the times in a run's table."""
    places = {
        "descriptions": root / "splits" / "drawn-val" / "descriptions" / f"{name}.csv",
        "written": root / "written" / name,
        "features": root / "features" / name,
        "images": root / "runs" / "drawn-val" / name / "images",
    }
    files = {
        (what, path.relative_to(place).as_posix()): path.read_bytes()
        for what, place in places.items()
        for path in ([place] if place.is_file() else place.rglob("*.*"))
        if path.suffix != ".json"
    }
    assert len(files) == 1 + 2 * 10 + 5
    return files


def test_two_processes_give_the_same_results_as_one(bench, models, tmp_path):
    """Five samples in batches of two: one process has more of them than the other."""
    root = tmp_path / "workspace"
    write_drawn_split(root / "splits" / "drawn-val", count=5)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    program = ["--no-python", sys.executable, "-c", PROGRAM, json.dumps(commands(root, "two"))]
    done = subprocess.run([*torchrun, *program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for sentence in ("5 of 5 samples described", "5 of 5 samples embedded", "5 of 5 images"):
        assert done.stdout.count(sentence) == 1, done.stdout  # only rank 0 reports
    shutil.rmtree(root / "cache")  # so that one process computes everything again
    for words, _ in commands(root, "one"):
        result = bench(*words)
        assert result.status == 0, result.err
    assert made(root, "one") == made(root, "two")
