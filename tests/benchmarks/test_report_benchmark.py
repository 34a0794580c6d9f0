"""The workspace on which the report is timed is one that the toolkit reads."""

from benchmarks import report
from egoactgen_bench import load_run, load_scores, load_split


def test_the_drawn_workspace_is_read(tmp_path):
    report.draw_workspace(tmp_path, samples=8, runs=2)
    split = load_split(tmp_path / "splits" / "drawn")
    runs = [load_run(tmp_path / "runs" / "drawn" / name) for name in ("run0", "run1")]
    assert {run.fingerprint for run in runs} == {split.fingerprint}
    scores = load_scores(tmp_path / "scores" / "drawn" / "standard")
    assert scores.per_sample(split.samples["sample_id"], report.METRICS).shape == (8, 2, 5)
