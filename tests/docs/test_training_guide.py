"""docs/training.md: the training for a small card fits it."""

import re
import shlex
from pathlib import Path

import pytest

from drawn_split import write_drawn_split

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
