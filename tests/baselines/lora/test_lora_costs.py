"""The plan of an adapter's training, without weights."""

import re

import pytest

from drawn_split import write_drawn_split


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
