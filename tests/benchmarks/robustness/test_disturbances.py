"""A handful of the kills and disturbances that `benchmarks/robustness` measures by the hundred."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def measured(module, tmp_path, *options):
    """The rows of a results table."""
    table = tmp_path / "table.csv"
    call = [sys.executable, "-m", f"benchmarks.robustness.{module}", "--folder", tmp_path / "work"]
    done = subprocess.run(
        [*map(str, [*call, *options, "--csv", table])], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with table.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_killed_commands_end_with_the_same_files(tmp_path):
    commands = ("prepare-splits", "run")
    rows = measured("kills", tmp_path, "--kills", 2, "--commands", *commands)
    assert [row["command"] for row in rows] == list(commands)
    assert {(row["other_files"], row["unfinished_files"]) for row in rows} == {("0", "0")}


def test_disturbed_commands_end_as_documented(tmp_path):
    rows = measured("disturbances", tmp_path, "--cases", 1, "--commands", "prepare-splits")
    kinds = {row["disturbance"]: row for row in rows}
    assert set(kinds) == {
        "full disk",
        "unreadable inputs",
        "dead workers",
        "two at once",
        "flipped bytes",
    }
    assert all(row["undocumented"] == "0" for row in rows)
    assert kinds["flipped bytes"]["partial"] == "1"


@pytest.mark.slow
@pytest.mark.parametrize("module", ["kills", "disturbances"])
def test_all_commands(tmp_path, module):
    assert len(measured(module, tmp_path)) >= 8
