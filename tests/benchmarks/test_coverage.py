"""A small slice of the simulated coverage, and its tables."""

import pandas as pd
import pytest

from benchmarks.coverage import agreements, correlations, distances, means, seeds, studies, summary

REPLICATES = 400  # a rate of 95 % has a standard error of 1.1


@pytest.mark.parametrize(
    ("kind", "sizes", "icc", "videos"),
    [
        ("normal", "equal", 0.3, 8),
        ("normal", "unequal", 0.05, 12),
        ("log-normal", "equal", 0.3, 5),
        ("98 %", "equal", 0.3, 8),
        ("10 %", "unequal", 0.05, 20),
    ],
)
def test_intervals_cover_with_few_videos(kind, sizes, icc, videos):
    row = means.interval_cell(kind, sizes, icc, videos, 4, REPLICATES)
    assert row["shown"] == 1
    assert 0.93 <= row["covered"] <= (0.98 if kind == "normal" else 1)


def test_equal_methods_seldom_differ():
    row = means.test_cell("normal", "unequal", 0.3, 8, 4, REPLICATES)
    assert row["one_pair"] <= 0.07
    assert row["any_of_6_pairs"] <= 0.07


def test_the_summary_has_every_table_and_the_extremes(monkeypatch):
    monkeypatch.setattr(studies, "TRUTH_DRAWS", 2000)
    monkeypatch.setattr(distances, "POPULATION", 200)
    monkeypatch.setattr(correlations, "TRUTH_DRAWS", 200)
    monkeypatch.setattr(agreements, "TRUTH_EXAMPLES", 200)
    cells = [("normal", "equal", 0.3, 5), ("log-normal", "unequal", 0.3, 8)]
    rows = [means.interval_cell(*cell, 4, 20) for cell in cells]
    rows += [means.test_cell("normal", "equal", 0.3, 5, 4, 20)]
    rows += [*studies.win_rate_cell("equal runs", "much", 5, 5, 5)]
    rows += [studies.alpha_cell("much", 5, 5, 5)]
    rows += [next(seeds.leads(5)), next(distances.kernel_distances(3))]
    rows += [next(correlations.correlations(3))]
    rows += [*agreements.agreement_cell("much", 5, 5, 3)]
    rows += [*agreements.agreement_tests("much", 5, 5, 3)]
    table = pd.DataFrame(rows)
    text = summary.markdown(table)
    assert "| normal, equal, 4 |" in text
    assert "Lowest rate: " in text
    for row in (
        "any of 6 pairs: ",
        "| win rate: raters",
        "| alpha: raters",
        "| test of win rates: raters",
        "| seeds | 8 videos |",
        "| outputs: values | 8 videos |",
        "| values, sizes | 5 videos |",
        "| tau: values, raters | 5 videos |",
        "| raters, 5 |",
        "| test by values, raters | 5 videos |",
    ):
        assert row in text
