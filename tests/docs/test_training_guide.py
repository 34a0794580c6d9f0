"""docs/training.md and docs/lego.md: their trainings fit the hardware that they name."""

import json
import re
import shlex
from pathlib import Path

import pytest
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig

from drawn_split import write_drawn_split
from egoactgen_bench.artifacts.splits import load_split

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def split(tmp_path):
    path = tmp_path / "workspace" / "splits" / "ego4d-train"
    return write_drawn_split(path, 4, subset="train")


def total(printed):
    return float(re.search(r"total +([\d.]+) GB", printed)[1])


def test_the_training_for_a_card_of_24_gb_fits_it(bench, split):
    text = (DOCS / "training.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^bench (train .* -o memory=24 --dry-run)$", text, re.MULTILINE)
    result = bench(*shlex.split(command))
    assert result.status == 0, result.err
    assert "It fits 24 GB." in result.out
    assert "(32 at a time × 32 rounds × 1 devices)" in result.out
    row = re.search(
        r"^\| `lego`, 32 samples at a time \| ([\d.]+) \| ([\d.]+) \|", text, re.MULTILINE
    )
    assert total(result.out) == pytest.approx(float(row[1]), abs=0.06)


def test_tuning_13_b_fits_eight_cards_of_80_gb(bench, split, monkeypatch):
    """The guide's command, as `accelerate launch` starts each of 8 processes."""
    text = (DOCS / "lego.md").read_text(encoding="utf-8")
    assert "| tune, 13 B | 8 × 80 GB" in text
    folder = split.parents[1] / "models" / "llava-13b"
    folder.mkdir(parents=True)
    config = LlavaConfig(
        text_config=LlamaConfig(
            hidden_size=5120,
            intermediate_size=13824,
            num_hidden_layers=40,
            num_attention_heads=40,
        ),
        vision_config=CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            patch_size=14,
        ),
        architectures=["LlavaForConditionalGeneration"],
    )
    config.save_pretrained(folder)
    row = load_split(split).samples.iloc[0]
    asked = [{"from": "human", "value": "<image>\nHow?"}, {"from": "gpt", "value": "So."}]
    data = split / "instructions" / "curated" / "instructions.json"
    data.parent.mkdir(parents=True)
    entry = {"id": row["sample_id"], "image": row["input_frame"], "conversations": asked}
    data.write_text(json.dumps([entry]), encoding="utf-8")
    for name, value in {"WORLD_SIZE": "8", "RANK": "0", "ACCELERATE_USE_FSDP": "true"}.items():
        monkeypatch.setenv(name, value)
    words = ("--weights", "llava-13b", "--split", "ego4d-train", "--device", "cpu")
    result = bench("lego", "tune", *words, "--dry-run")
    assert result.status == 0, result.err
    assert total(result.out) < 80
    assert total(result.out) == pytest.approx(43, abs=1)
    assert "LLaVA of 13.4 billion parameters" in result.out
