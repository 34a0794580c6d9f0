"""Families of comparisons without references, and notes about tests that cannot find anything."""

import numpy as np
import pytest

from egoactgen_bench.analysis.intervals import Measured, compare, impossible_tests, reasons

CLUSTERS = np.repeat(np.arange(8), 4)
RUNS = ["lego", "ip2p", "sdedit", "proxedit", "copy-input"]


def measured(name: str = "m", leads: float = 1.0) -> Measured:
    """Five runs, of which the first leads on every video."""
    values = np.random.default_rng(0).normal(size=(32, 5)).round(3) * 0.01
    values[:, 0] += leads
    return Measured(name, 1.0, values.mean(axis=0), values)


def test_references_are_in_no_family():
    table = compare([measured()], RUNS, CLUSTERS, ["copy-input"])
    assert len(table) == 6
    assert "copy-input" not in {*table["run_a"], *table["run_b"]}
    found = table.set_index(["run_a", "run_b"])["p_value"]
    assert found["lego", "proxedit"] == pytest.approx(6 * 2 / 256)  # significant
    with_reference = compare([measured()], RUNS, CLUSTERS)
    found = with_reference.set_index(["run_a", "run_b"])["p_value"]
    assert found["lego", "proxedit"] == pytest.approx(10 * 2 / 256)  # could never be


def test_p_values_are_corrected_over_metrics_on_request():
    two = [measured("a"), measured("b")]
    within = compare(two, RUNS[:2] + RUNS[4:], CLUSTERS, ["copy-input"])
    assert within["p_value"].tolist() == pytest.approx([2 / 256] * 2)
    whole = compare(two, RUNS[:2] + RUNS[4:], CLUSTERS, ["copy-input"], "table")
    assert whole["p_value"].tolist() == pytest.approx([4 / 256] * 2)


@pytest.mark.parametrize(
    ("videos", "runs", "family", "smallest"),
    [
        (8, 5, "metric", None),
        (8, 5, "table", "12 tests, the smallest possible p-value is 0.0938"),
        (7, 5, "metric", "7 videos and 6 tests, the smallest possible p-value is 0.0938"),
        (5, 2, "metric", "5 videos and 1 test, the smallest possible p-value is 0.0625"),
        (1, 2, "metric", "1 video and 1 test, the smallest possible p-value is 1."),
        (1, 1, "metric", None),
    ],
)
def test_a_note_says_when_no_difference_can_be_significant(videos, runs, family, smallest):
    clusters = np.arange(32) % videos
    references = ["copy-input"] if runs == 5 else []
    metrics = [measured("a"), measured("b")]
    sentence = impossible_tests(metrics, RUNS[:runs], clusters, references, family)
    assert smallest in sentence if smallest else sentence == ""


def test_withheld_intervals_have_a_reason_for_each_run():
    values = np.random.default_rng(0).normal(size=(32, 2))
    values[:, 1] = np.inf
    each = Measured("psnr", 2.0, values.mean(axis=0), values)
    found = each.intervals(CLUSTERS, 100)
    assert reasons({"psnr": found}, ["a", "b"]) == {"psnr": {"b": "infinite values"}}
    assert found.low[0] < each.columns(found)["psnr"][0] * 2 < found.high[0]
    nothing = each.intervals(CLUSTERS, 0)
    assert reasons({"psnr": nothing}, ["a", "b"]) == {}
