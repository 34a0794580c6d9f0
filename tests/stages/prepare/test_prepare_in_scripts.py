"""Preparing a split from scripts that do not guard their calls by `__name__`."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os
import pathlib

from PIL import Image

import egoactgen_bench as bench
from egoactgen_bench.api import ActionClip, Dataset, FrameSource
from egoactgen_bench.toy.world.filming import render_stills

with open("executions", "a") as log:
    print(os.getpid(), file=log)
Image.new("RGB", (64, 64), (9, 9, 9)).save("frame.png")


class Pictures(Dataset):
    name = "pictures"

    def clips(self):
        for number in range(4):
            fields = [f"{number}", f"s{number}", self.name, f"video{number}", "open door", "", ""]
            yield ActionClip(*fields, 0.0, 2.0, 0.0, 1.0)

    def locate(self, clip):
        return FrameSource(pathlib.Path("frame.png")), FrameSource(pathlib.Path("frame.png"))


print(bench.prepare(Pictures, workers=2))
render_stills(pathlib.Path("stills"), "train", 2, workers=2)
print(len(list(pathlib.Path("stills").rglob("*.png"))), "stills")
"""


@pytest.mark.parametrize("from_file", [True, False], ids=["file", "stdin"])
def test_workers_do_not_run_the_script(tmp_path, from_file):
    (tmp_path / "script.py").write_text(SCRIPT)
    outcome = subprocess.run(
        [sys.executable, "script.py" if from_file else "-"],
        input=None if from_file else SCRIPT,
        env={**os.environ, "BENCH_WORKSPACE": "workspace"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "4 samples from pictures" in outcome.stdout
    assert "16 stills" in outcome.stdout
    assert len((tmp_path / "executions").read_text().splitlines()) == 1
