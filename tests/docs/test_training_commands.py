"""docs/lego.md and docs/cluster.md: each training and tuning, planned at full size, fits its cards.

The program reads each command and makes its plan (`--dry-run`), as one of the processes that the
command starts.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from drawn_split import write_drawn_split
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.diffusion.finetuning import denoiser_trainer
from egoactgen_bench.diffusion.finetuning.denoiser_costs import measure
from egoactgen_bench.diffusion.finetuning.full_size_networks import STABLE_DIFFUSION
from egoactgen_bench.diffusion.finetuning.training_options import SD15, FinetuningOptions
from egoactgen_lego.generator.vllm_conditioning import Conditioner
from full_size_llava import SIZES, config
from guide_blocks import calls

ROOT = Path(__file__).parents[2]
LEGO, CLUSTER = ((ROOT / "docs" / f"{name}.md").read_text("utf-8") for name in ("lego", "cluster"))
# What the pages say that one training, a tuning, and a tuning with adapters need: GB of a card.
CARDS = {"train": 40, "lego ablate": 40, "lego tune": 80}
FSDP = {"ACCELERATE_USE_FSDP": "true"}


def launched(words):
    """The words after `bench`, and the environment of the first process that the call starts."""
    launcher, own = words[: words.index("bench")], words[words.index("bench") + 1 :]
    if not launcher:
        return own, {}
    if launcher[0] == "sbatch":
        script = re.search(rf'title="{launcher[1]}"\n(.*?)^```', CLUSTER, re.DOTALL | re.MULTILINE)
        nodes, gpus = re.search(
            r"--nodes=(\d+)\n.*--gpus-per-node=(\d+)", script[1], re.DOTALL
        ).groups()
        more = FSDP if "fsdp.yaml" in script[1] else {}
        return own, {"WORLD_SIZE": str(int(nodes) * int(gpus)), "RANK": "0", **more}
    if launcher[0] == "torchrun":
        processes = launcher[launcher.index("--nproc-per-node") + 1]
        return own, {"WORLD_SIZE": processes, "RANK": "0"}
    file = ROOT / launcher[launcher.index("--config_file") + 1]
    chosen = yaml.safe_load(file.read_text("utf-8"))
    assert chosen["distributed_type"] == "FSDP"
    return own, {"WORLD_SIZE": str(chosen["num_processes"]), "RANK": "0", **FSDP}


def name_of(words):
    own = words[words.index("bench") + 1 :] if "bench" in words else [""]
    return " ".join(own[: 1 + (own[0] == "lego")])


def trainings(text):
    """Each call of a page that trains, once."""
    found = calls(text, BENCH_WORKSPACE="workspace", HEAD="node")
    return dict.fromkeys(tuple(call) for call in found if name_of(call) in CARDS)


COMMANDS = [*trainings(LEGO), *(call for call in trainings(CLUSTER) if call[1] != "shards.sbatch")]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Two splits with descriptions, instructions and features, and two VLLMs without weights."""
    root = tmp_path_factory.mktemp("full") / "workspace"
    for size in SIZES:
        config(size).save_pretrained(root / "models" / f"llava-{size.lower()}")
    for subset in ("train", "val"):
        split = write_drawn_split(root / "splits" / f"ego4d-{subset}", 1, subset=subset)
        row = load_split(split).samples.iloc[0]
        (split / "descriptions").mkdir()
        for name in ("tuned", "off-the-shelf", "llava"):
            texts = pd.DataFrame({"sample_id": [row["sample_id"]], "description": ["A hand."]})
            texts.to_csv(split / "descriptions" / f"{name}.csv", index=False)
        for name in ("tuned", "off-the-shelf", "tuned-by-untuned", "llava"):
            for kind, tokens in (("image", 256), ("text", 9)):
                path = root / "features" / name / split.name / kind / f"{row['sample_id']}.npy"
                path.parent.mkdir(parents=True)
                np.save(path, np.zeros((tokens, 5120), np.float16))
        asked = [{"from": "human", "value": "<image>\nHow?"}, {"from": "gpt", "value": "So."}]
        entry = {"id": row["sample_id"], "image": row["input_frame"], "conversations": asked}
        (split / "instructions" / "curated").mkdir(parents=True)
        data = split / "instructions" / "curated" / "instructions.json"
        data.write_text(json.dumps([entry]), encoding="utf-8")
    return root


def both_features(width):
    conditioner = Conditioner("joint", width=width)
    return conditioner, conditioner.feature_sizes


@pytest.fixture(scope="module")
def largest():
    """The costs of LEGO with both features: those of every other training here are lower."""
    return measure(STABLE_DIFFUSION, 2, both_features, FinetuningOptions(**SD15))


@pytest.fixture
def measured(monkeypatch, largest):
    """Each training is taken to cost as much as the largest, which is measured once."""
    _, known = both_features(768)

    def measured_once(found, channels, conditioner_of, options):
        assert found is STABLE_DIFFUSION
        assert channels <= 2
        _, sizes = conditioner_of(768)
        assert sizes.items() <= known.items()
        same = FinetuningOptions.model_fields.keys() - {"init"}
        assert options.model_dump(include=same) == largest.options.model_dump(include=same)
        return replace(largest, options=options)

    monkeypatch.setattr(denoiser_trainer, "measure", measured_once)


def gigabytes(printed):
    found = re.findall(r"(?:total|not measured:) +([\d.]+) GB", printed)
    return [float(each) for each in found]


def test_the_pages_name_the_cards():
    assert "| tune, 13 B | 8 × 80 GB" in LEGO
    assert "| one training | 1 × 40 GB" in LEGO
    assert {name_of(call) for call in COMMANDS} == set(CARDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_training_of_the_pages_fits_its_cards(bench, workspace, measured, monkeypatch, words):
    own, environment = launched(list(words))
    monkeypatch.setenv("BENCH_WORKSPACE", str(workspace))
    monkeypatch.chdir(workspace.parent)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    result = bench(*own, "--device", "cpu", "--dry-run")
    assert result.status == 0, result.err
    assert "Nothing was done (--dry-run)." in result.out
    found = gigabytes(result.out)
    assert found
    assert max(found) < CARDS[name_of(words)]
    processes = environment.get("WORLD_SIZE", "1")
    assert f"× {processes} devices)" in result.out
    if words[0] == "sbatch":
        (total,) = found
        start = rf"^\| `{words[1]}`: `{name_of(words)}`"
        row = re.search(rf"{start}.*\| ([\d.]+) \|$", CLUSTER, re.MULTILINE)
        assert total == pytest.approx(float(row[1]), abs=0.6)
