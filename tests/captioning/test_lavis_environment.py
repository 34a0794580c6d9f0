"""LAVIS' environment, as far as it can be tested without installing it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

from egoactgen_bench.captioning.captioner_choice import LAVIS
from egoactgen_bench.captioning.lavis_environment import PYTHON, REQUIREMENTS, Environment
from egoactgen_bench.captioning.package_links import link_packages


def interpreter(path: Path, says: str) -> Path:
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


def test_an_unsuitable_interpreter_is_reported(bench, tmp_path: Path) -> None:
    old = interpreter(tmp_path / "python-old", "3.8")
    result = bench("setup", "lavis", "--python", old)
    assert result.status == 2
    assert result.err == f"bench: {old} is Python 3.8; LAVIS needs Python {PYTHON}.\n"
    result = bench("setup", "lavis", "--python", tmp_path / "absent")
    assert result.status == 2
    assert "absent is not a working Python interpreter: No such file or directory." in result.err
    broken = interpreter(tmp_path / "python-broken", f"{PYTHON}; exit 0")
    result = bench("setup", "lavis", "--python", broken)
    assert result.status == 2
    assert "Traceback" not in result.err
    assert not Environment.of(tmp_path / "workspace").ready


def test_scoring_without_the_environment_names_the_command_that_creates_it(
    bench, drawn_split: Path, tmp_path: Path
) -> None:
    assert bench("run", "--method", "copy-input").status == 0
    models = tmp_path / "models"
    (models / "distilbert-base-uncased").mkdir(parents=True)
    for name in ("model_base_caption_capfilt_large.pth", "ViT-L-14.pt"):
        (models / name).write_bytes(b"")
    call = ("score", "--metrics", "psnr,blip_b", "--captioner", "lavis", "--weights-dir", models)
    result = bench(*call)
    assert result.status == 1
    assert "create it with `bench setup lavis`" in result.err
    summary = pd.read_csv(drawn_split.parents[1] / "scores/drawn-val/standard/summary.csv")
    assert "psnr" in summary
    assert "blip_b" not in summary


def test_only_linked_packages_are_visible(tmp_path: Path) -> None:
    names = link_packages(["jinja2"], tmp_path / "lent", except_for=["MarkupSafe"])
    assert names == ["jinja2"]
    assert {path.name.partition("-")[0] for path in (tmp_path / "lent").iterdir()} == {"jinja2"}
    names = link_packages(["torch"], tmp_path / "torch", except_for=["numpy"])
    assert {"torch", "jinja2", "markupsafe"} <= set(names)
    assert not {"numpy", "transformers"} & set(names)
    look = "import sys, importlib.util as u; sys.path[:] = [*sys.path[:-1], sys.argv[1]]; " + (
        "print([n for n in ('torch', 'sympy', 'transformers', 'numpy') if u.find_spec(n)])"
    )
    seen = subprocess.run(
        [sys.executable, "-I", "-S", "-c", look, tmp_path / "torch"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout == "['torch', 'sympy']\n"


def test_every_requirement_is_pinned() -> None:
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert f"salesforce-lavis=={LAVIS}" in lines
    assert all(len(line.split("==")) == 2 for line in lines)
    assert not [line for line in lines if line.startswith("torch")]
