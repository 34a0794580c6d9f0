"""Plug-ins that are not registered: their names, their code, and the lines of their errors."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from drawn_runs import write_run
from drawn_split import write_drawn_split
from egoactgen_bench.api import plugins
from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.stages.run import run_method
from egoactgen_bench.stages.score import score_runs


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = write_drawn_split(tmp_path_factory.mktemp("code") / "splits" / "drawn", 3)
    return load_split(folder), load_run(write_run(folder, "noisy", 9.0))


def score(drawn, tmp_path, metrics):
    choices = {"bootstrap": 0, "device": "cpu", "workspace": tmp_path}
    return score_runs.score(drawn[0], [drawn[1]], tmp_path / "scores", metrics=metrics, **choices)


SOURCE = """
import numpy as np
from egoactgen_bench.api import Method, Metric, Options

LEVEL = {level}


class Mine(Method):
    def generate(self, requests):
        if {level} > 9:
            return 1 / 0
        return [request.input for request in requests]


class Own(Metric[Options]):
    name, label, higher_is_better = "own", "Own", False

    def measure(self, batch):
        return np.full((len(batch), 1), LEVEL / (10 - LEVEL))
"""


@pytest.fixture
def code(tmp_path, monkeypatch):
    """Write and import a version of `written_plugin.py`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(level, name="written_plugin"):
        sys.modules.pop(name, None)
        Path(f"{name}.py").write_text(SOURCE.format(level=level))
        return SimpleNamespace(method=f"{name}:Mine", metric=f"{name}:Own")

    yield write
    sys.modules.pop("written_plugin", None)


def test_changed_code_is_another_plug_in(code, drawn, tmp_path):
    first = code(1)
    run = run_method.run(first.method, drawn[0], tmp_path / "run", device="cpu")
    assert list(run.manifest.sources) == ["code of written_plugin"]
    assert score(drawn, tmp_path, first.metric).summary["own"][0] == pytest.approx(1 / 9)
    run_method.run(first.method, drawn[0], tmp_path / "run", device="cpu")
    second = code(2)
    with pytest.raises(BenchError, match=r"with other settings \(sources\.code of written_plugin"):
        run_method.run(second.method, drawn[0], tmp_path / "run", device="cpu")
    assert score(drawn, tmp_path, second.metric).summary["own"][0] == pytest.approx(2 / 8)


def test_errors_name_the_line(code, drawn, tmp_path):
    made = code(10)
    run = run_method.run(made.method, drawn[0], tmp_path / "run", device="cpu", keep_going=True)
    expected = "ZeroDivisionError: division by zero (written_plugin.py, line {})"
    assert set(run.samples["detail"]) == {expected.format(11)}
    with pytest.raises(BenchError, match=re.escape(f"failed ({expected.format(19)})")):
        score(drawn, tmp_path, made.metric)


NAMES = [
    ("written_plugin:mine", "written_plugin has no class 'mine'. Did you mean 'Mine'?"),
    ("written_plugin.py:Mine", "write written_plugin:Mine"),
    ("./written_plugin:Mine", "write written_plugin:Mine"),
    ("written_plugin.Mine", "write written_plugin:Mine"),
    ("written_plugin:Mine ", "write written_plugin:Mine"),
    ("written_plugin", "write written_plugin:Class"),
    (":", "write module:Class"),
    ("json:Mine", "Python has a module 'json' of its own; rename json.py"),
    ("exiting:Mine", "cannot be loaded (importing exiting calls sys.exit())"),
    ("COPY-INPUT", "Did you mean 'copy-input'?"),
]


@pytest.mark.parametrize(("name", "sentence"), NAMES)
def test_names(code, name, sentence):
    code(1)
    code(1, "json") if name.startswith("json") else None
    Path("exiting.py").write_text("import sys\nsys.exit()\n")
    __import__("json")
    with pytest.raises(BenchError, match=re.escape(sentence)):
        plugins.load("methods", name)


def test_suggestions_ignore_case():
    assert did_you_mean("PSNR", ["ssim", "psnr"]) == " Did you mean 'psnr'?"
    assert did_you_mean("x", ["ssim"]) == " Known: ssim."
    many = [f"{number:02}" for number in range(40)]
    assert did_you_mean("x", many).endswith(", 10, 11 and 28 more.")


def test_listings(bench, code):
    assert bench("methods", code(1).method).out.startswith("(no description)\n")
    assert "is not a class derived" in bench("metrics", code(1).method).err
