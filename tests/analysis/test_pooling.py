"""Pooling runs that differ in their training seed."""

from drawn_runs import in_process, write_run
from egoactgen_bench import load_split
from egoactgen_bench.analysis.pooling import pool


def test_a_group_with_toy_weights_is_marked_and_not_compared(drawn_split, runs, tmp_path):
    write_run(drawn_split, "toy", 1, toy_weights=True)
    scores = in_process(drawn_split, tmp_path / "scores", metrics=["psnr"])
    groups = {"methods": ["near", "far"], "far alone": ["far"], "with toy": ["near", "toy"]}
    pooled = pool(scores, load_split(drawn_split), groups)
    assert [run.label for run in pooled.manifest.runs] == [
        "methods",
        "far alone",
        "with toy (toy weights)",
    ]
    compared = set(pooled.comparisons["run_a"]) | set(pooled.comparisons["run_b"])
    assert compared == {"methods", "far alone"}
