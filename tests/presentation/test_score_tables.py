"""Tables of scores: intervals in brackets, and reasons for those that are withheld."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from egoactgen_bench.artifacts.manifests import Bootstrap, MetricRecord, ScoredRun, ScoreManifest
from egoactgen_bench.artifacts.scores import COMPARISON_COLUMNS, Scores
from egoactgen_bench.presentation.score_tables import latex, markdown, plain
from egoactgen_bench.presentation.terminal_table import text

RUNS = ("lego", "sdedit", "copy-input")


def scores(family: str = "metric") -> Scores:
    """Three rows of a judge, whose interval is not symmetric, and of a metric without intervals."""
    about = {"unit": "", "decimals": 1, "higher_is_better": True, "primary": False}
    metrics = {
        name: MetricRecord(
            label=label, factor=100.0, per_sample=True, signature=name, lowest=0, highest=1, **about
        )
        for name, label in (("judge", "Judge"), ("psnr", "PSNR"))
    }
    manifest = ScoreManifest(
        split="kitchen",
        fingerprint="f",
        protocol="standard",
        bootstrap=Bootstrap(draws=1000),
        family=family,
        runs=[ScoredRun(run=run, reference=run == "copy-input", n=32) for run in RUNS],
        metrics=metrics,
        withheld_intervals={"psnr": dict.fromkeys(RUNS, "infinite values")},
        notices=["No difference can be significant."],
    )
    summary = pd.DataFrame({"run": RUNS, "n": 32, "judge": [96.9, 6.2, 0.0]})
    summary = summary.assign(judge_lo=[70.0, 0.1, 0.0], judge_hi=[100.0, 34.4, 25.0])
    summary = summary.assign(psnr=[np.inf] * 3, psnr_lo=np.nan, psnr_hi=np.nan)
    tests = pd.DataFrame([("judge", "lego", "sdedit", 90.7, 0.03)], columns=COMPARISON_COLUMNS)
    return Scores(Path(), manifest, pd.DataFrame(), summary, tests, pd.DataFrame())


def test_intervals_are_written_with_both_ends_and_never_leave_the_range():
    table = markdown(scores())
    assert "| lego | 32 | **96.9** [70.0, 100.0] |" in table
    assert "| sdedit | 32 | 6.2\\* [0.1, 34.4] |" in table
    assert "96.9 [70.0, 100.0] •" in text(scores())
    assert "\\textbf{96.9} {\\scriptsize [70.0, 100.0]}" in latex(scores())
    for written in (table, text(scores()), latex(scores())):
        assert "±" not in written
        assert "\\pm" not in written


def test_withheld_intervals_are_dashes_with_a_reason():
    assert "inf [–]" in markdown(scores())
    assert "- [–] no interval, infinite values: PSNR.\n" in markdown(scores())
    assert "{\\scriptsize [--]}" in latex(scores())
    some = scores()
    some.manifest.withheld_intervals = {"psnr": {"lego": "all values are equal"}}
    assert "[–] no interval, all values are equal: PSNR of lego." in text(some)


@pytest.mark.parametrize(
    ("family", "words"),
    [("metric", "over the 1 pair of methods within each metric"), ("table", "of all metrics")],
)
def test_the_family_of_tests_is_named_below_the_table(family, words):
    assert words in markdown(scores(family))
    assert words in text(scores(family))
    assert "No difference can be significant." in text(scores(family))


def distances(counts: tuple[int, ...], values: tuple[float, ...]) -> Scores:
    """A judge and the kernel distance of three methods, of which 100 samples are advised."""
    found = scores()
    shared = {"unit": "", "decimals": 1, "factor": 1.0, "primary": False, "signature": ""}
    found.manifest.metrics = {
        "judge": MetricRecord(label="Judge", per_sample=True, higher_is_better=True, **shared),
        "kid": MetricRecord(
            label="KID", per_sample=False, higher_is_better=False, advised_samples=100, **shared
        ),
    }
    rows = zip(RUNS, counts, strict=True)
    found.manifest.runs = [ScoredRun(run=run, reference=False, n=n) for run, n in rows]
    found.manifest.withheld_intervals = {}
    summary = pd.DataFrame({"run": RUNS, "n": counts, "judge": [50.0, 40.0, 30.0], "kid": values})
    ends = {f"{name}{end}": np.nan for name in ("judge", "kid") for end in ("_lo", "_hi")}
    nothing = pd.DataFrame(columns=COMPARISON_COLUMNS)
    return Scores(Path(), found.manifest, pd.DataFrame(), summary.assign(**ends), nothing, nothing)


def test_distances_of_few_samples_are_apart_and_not_ranked():
    # Once, KID = −142 of 32 images stood in bold.
    few = distances((32, 32, 32), (-142.0, 5.0, 9.0))
    table = markdown(few)
    assert "| lego | 32 | **50.0** |" in table
    assert "\nFewer samples than advised (100): not ranked:\n\n| run | n | KID ↓ |\n" in table
    assert "| lego | 32 | -142.0 |" in table
    assert latex(few).count("\\begin{tabular}{lr}") == 2
    assert "-142.0 •" not in text(few)
    assert "Fewer samples" not in text(few)  # a notice of the scores says so
    assert list(plain(few)) == ["run", "n", "Judge", "KID"]


def test_an_estimate_of_a_distance_below_0_is_never_best():
    noise = markdown(distances((128, 128, 128), (-0.2, 0.1, 9.0)))
    assert "**-0.2**" not in noise
    assert "**0.1**" not in noise
    assert "**0.1**" in markdown(distances((128, 128, 128), (0.2, 0.1, 9.0)))


def test_a_part_of_the_samples_is_marked_and_not_ranked():
    part = distances((4, 128, 128), (0.1, 0.2, 9.0))
    assert "| lego | 4 | 50.0† |" in markdown(part)
    assert "| sdedit | 128 | **40.0** |" in markdown(part)
    assert "† computed on a part of the samples: not ranked." in text(part)
    own = part.summary.assign(n=128, judge_n=[2, 128, 128])
    cell = "50.0† (n 2)"
    part = Scores(Path(), part.manifest, part.values, own, part.comparisons, part.errors)
    assert f"| {cell} |" in markdown(part)
    assert "50.0 (n 2) †" in text(part)
