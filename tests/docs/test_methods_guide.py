"""docs/methods.md: its guide followed literally, its layouts, its names."""

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from egoactgen_baselines.finished_images import find_images
from egoactgen_bench.api import plugins

GUIDE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")


def block(language):
    """The guide's one block of code in a language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    return text


def test_a_method_is_added_in_one_file(bench, drawn_split, tmp_path, monkeypatch):
    (tmp_path / "darker.py").write_text(block("python"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for line in block("bash").splitlines():
        program, *arguments = shlex.split(line)
        assert program == "bench"
        result = bench(*arguments)
        assert result.status == 0, (line, result.err)
    run = drawn_split.parents[1] / "runs/drawn-val/darker"
    sample = pd.read_csv(run / "samples.csv").iloc[0]
    made = Image.open(run / sample["image"])
    given = Image.open(drawn_split / "frames" / sample["sample_id"] / "input.png")
    assert made.getpixel((5, 5)) == tuple(int(0.8 * level) for level in given.getpixel((5, 5)))


def test_every_registered_method_is_in_its_table():
    named = {
        name.partition(":")[0] for name in re.findall(r"^\| `([\w:-]+)` \|", GUIDE, re.MULTILINE)
    }
    assert plugins.registered("methods").keys() <= named


@pytest.mark.parametrize("layout", ["P01_3.png", "images/P01_3.jpg", "val/P01/3/00042.webp"])
def test_each_layout_of_finished_images(tmp_path, layout):
    path = tmp_path / layout
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)
    assert find_images(tmp_path) == {"P01_3": [path]}
