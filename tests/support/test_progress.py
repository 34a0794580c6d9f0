"""Progress without a terminal: lines at growing intervals, none for a short command."""

import re
import time
from itertools import pairwise

import pytest

from egoactgen_bench.support import progress
from egoactgen_bench.support.progress import ProgressLines, report_progress
from egoactgen_bench.support.waiting import longer


def test_lines_without_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "FIRST", 0.01)
    with report_progress("score", 10_000, "sample", initial=100) as bar:
        time.sleep(0.1)
        bar.update(900)
        time.sleep(0.2)
    err = capsys.readouterr().err
    assert err.startswith("score: 100 of 10,000 samples\n")
    assert re.search(r"score: 1,000 of 10,000 samples, [\d.]+ samples/s, about \d+ s left", err)
    assert 3 <= err.count("\n") <= 6  # after 0.01, 0.03, 0.07, 0.15 … seconds
    assert "\r" not in err


def test_a_short_command_and_a_hidden_bar_print_nothing(capsys, monkeypatch):
    with report_progress("score", 3, "sample") as bar:
        bar.update(3)
    monkeypatch.setattr(progress, "FIRST", 0.01)
    with report_progress("score", 3, "sample", shown=False) as bar:
        time.sleep(0.05)
        bar.set_description("hidden")
        bar.update()
    assert capsys.readouterr().err == ""


def test_an_error_ends_the_lines(monkeypatch, capsys):
    monkeypatch.setattr(progress, "FIRST", 0.01)
    with pytest.raises(ValueError, match="stop"), report_progress("score", 3, "sample"):
        raise ValueError("stop")
    time.sleep(0.05)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "passed", "left"),
    [
        (1, "", "about 9 s left"),
        (20, ", 20 s so far", "about 3 min left"),
        (2000, ", 33 min so far", "5.0 h left"),
    ],
)
def test_the_time_left(seconds, passed, left):
    lines = ProgressLines("", 100, "image")
    assert lines.line(seconds) == f"0 of 100 images{passed}"
    lines.update(10)
    assert lines.line(seconds).endswith(left)


def test_the_loss_the_rate_and_sizes():
    steps = ProgressLines("train", 100, "step", 10)
    steps.update(20)
    steps.set_postfix_str("loss 0.0123", refresh=False)
    assert steps.line(10) == "train: 30 of 100 steps, loss 0.0123, 2.0 steps/s, about 35 s left"
    assert "loss 0.0123, 10.0 s/step, about 12 min left" in steps.line(200)
    sizes = ProgressLines("file.pth", 2_000_000_000, "B")
    sizes.update(500_000_000)
    assert sizes.line(50) == "file.pth: 500 MB of 2.0 GB, 10 MB/s, about 2 min left"
    sizes.total = 0  # unknown
    assert sizes.line(50) == "file.pth: 500 MB, 10 MB/s"


def test_counts_without_a_total():
    figures = ProgressLines("figures", 0, "figure")
    assert figures.line(1) == "figures: 0 figures"
    figures.update()
    assert figures.line(2) == "figures: 1 figure, 2.0 s/figure"


def test_lines_are_at_most_4_s_apart_at_first_and_30_s_later():
    elapsed, interval, places = 0.0, progress.FIRST, []
    while elapsed < 2000:
        elapsed += interval
        places.append(elapsed)
        interval = longer(interval, elapsed)
    gaps = [after - before for before, after in pairwise(places)]
    assert max(gap for gap, place in zip(gaps, places, strict=False) if place < 40) <= 4
    assert gaps == sorted(gaps)
    assert gaps[-1] == 30
