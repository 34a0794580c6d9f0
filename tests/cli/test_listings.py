"""`bench metrics`, `bench methods` …: tables of at most 100 columns."""

import pytest

from egoactgen_bench.cli.wrapped_table import wrapped
from egoactgen_bench.metrics.dino import DINOV2


def fits(line):
    return len(line) <= 100 or "workspace" in line


@pytest.mark.parametrize("words", [("methods",), ("methods", "lego")])
def test_tables_fit_100_columns(bench, words):
    listed = bench(*words)
    assert listed.status == 0
    assert all(fits(line) for line in listed.out.splitlines())


def test_metrics_show_their_direction_and_whether_they_can_be_computed(bench, tmp_path):
    weights = tmp_path / "weights"
    (weights / DINOV2.name).mkdir(parents=True)
    (weights / "egovlp.pth").touch()
    listed = bench("metrics", "--weights-dir", weights)
    assert all(fits(line) or str(weights) in line for line in listed.out.splitlines())
    rows = {line.split()[0]: line.split()[1:3] for line in listed.out.splitlines() if line.split()}
    assert rows["psnr"] == ["higher", "yes"]
    assert rows["lpips"] == ["lower", "no"]
    assert rows["dino"] == ["higher", "yes"]
    assert rows["egovlp"] == ["higher", "part"]  # not for the clips of EPIC-KITCHENS
    assert rows["vlm_action"] == ["higher", "no"]


def test_one_metric_shows_what_is_missing(bench):
    shown = bench("metrics", "egovlp").out
    assert "Better: higher.\n" in shown
    for name in ("egovlp.pth", "epic_mir_plus.pth"):
        assert f"Not here: egovlp needs {name}: get it with `bench models fetch {name}`." in shown
    assert "Not here" not in bench("metrics", "psnr").out


def test_the_last_column_is_wrapped_or_placed_below(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    row = ["name", "value", "one two three four five six seven eight nine ten"]
    assert wrapped([row]) == [
        "name  value  one two three four five six seven eight nine",
        "             ten",
    ]
    assert wrapped([["a" * 40, *row[1:]]]) == [
        "a" * 40 + "  value",
        "    one two three four five six seven eight nine ten",
    ]
    assert wrapped([["a", "b" * 80]]) == ["a  " + "b" * 80]
    assert wrapped([["a", ""], ["b", "c"]]) == ["a", "b  c"]
