"""The plan of an adapter's training, without weights."""

import json
import re
from pathlib import Path

import pytest

from drawn_split import write_drawn_split
from egoactgen_baselines.lora import lora_costs
from egoactgen_baselines.lora.editor_families import family_of
from egoactgen_baselines.lora.lora_options import LoraOptions
from egoactgen_bench.support.training_costs import CARDS, GB

GUIDE = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
KLEIN = {  # FLUX.2-klein-base-4B's transformer
    "num_layers": 5,
    "num_single_layers": 20,
    "num_attention_heads": 24,
    "attention_head_dim": 128,
    "joint_attention_dim": 7680,
    "in_channels": 128,
    "guidance_embeds": False,
}


@pytest.mark.parametrize("name", ["Flux2KleinPipeline", "FluxKontextPipeline"])
def test_a_dry_run_prints_the_plan_and_writes_nothing(bench, editor, tmp_path, name):
    write_drawn_split(tmp_path / "workspace" / "splits" / "drawn-train", 4, subset="train")
    words = ("-o", f"init={editor(name)}", "-o", "batch_size=4", "-o", "iterations=10")
    result = bench("train", "lora", *words, "--dry-run")
    assert result.status == 0, result.err
    for line in (
        r"Networks: Flux2?Transformer2DModel of [\d.]+ billion parameters, with an adapter; ",
        r"  weights +[\d.]+ GB",
        r"Steps: 10 of 4 samples",
        r"Samples seen: 40, 10\.0 epochs of 4",
        r"Not counted: VAE and text encoders",
        r"Nothing was done \(--dry-run\)",
    ):
        assert re.search(line, result.out), (line, result.out)
    assert not (tmp_path / "workspace" / "models").exists()


def test_the_guide_s_figures_at_full_size(tmp_path):
    from diffusers import Flux2Transformer2DModel

    (tmp_path / "config.json").write_text(json.dumps(KLEIN), encoding="utf-8")
    family, options = family_of("Flux2KleinPipeline"), LoraOptions(init="klein")
    plan = lora_costs.plan(tmp_path, Flux2Transformer2DModel, family, options, 86_000, 1)
    stated = re.search(
        r"counts ([\d.]+) GB of activations .*?: ([\d.]+) GB in all, and\s+about (\d+) hours",
        GUIDE,
        re.DOTALL,
    )
    assert plan.frozen == pytest.approx(3.9e9, abs=0.05e9)
    assert plan.memory.activations / GB == pytest.approx(float(stated[1]), abs=0.06)
    assert plan.memory.total / GB == pytest.approx(float(stated[2]), abs=0.06)
    assert plan.gpu_hours(CARDS["A100"]) == pytest.approx(float(stated[3]), abs=0.6)
