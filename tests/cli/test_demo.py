"""The whole workflow in one command: its files, its output, and a second call."""

import hashlib
from pathlib import Path

import pandas as pd

from egoactgen_bench import demo
from egoactgen_bench.toy.world import filming

METHODS = {"lego", "ip2p", "sdedit", "proxedit"}
CALL = ("demo", "--clips", 2, "--steps", 2, "--workers", 1, "--vlm-judge")


def content(workspace: Path) -> dict[str, str]:
    """Every file's hash, except for caches and the manifest that contains a time."""
    return {
        path.relative_to(workspace).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in workspace.rglob("*")
        if path.is_file() and path.name != "score.json" and "cache" not in path.parts
    }


def interrupted(asked: demo.Demo) -> demo.StepResult:
    raise KeyboardInterrupt


def test_an_interrupted_demo_is_completed(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(filming, "CLIPS_PER_VIDEO", 2)  # a video of two clips takes half the time
    with monkeypatch.context() as patch:
        patch.setattr(demo, "report", interrupted)
        stopped = bench(*CALL)
    assert (stopped.status, stopped.out) == (130, "")
    workspace = tmp_path / "workspace"
    before = content(workspace)
    assert {path.split("/")[0] for path in before} == {
        *("datasets", "models", "splits", "runs", "scores", "studies")
    }

    result = bench(*CALL)
    assert result.status == 0, result.err
    after = content(workspace)
    assert {path: after[path] for path in before} == before

    assert "[1/9]" in result.err and "[9/9] Write the report" in result.err
    page = workspace / "reports/demo/index.html"
    assert result.out.splitlines()[-2:] == [
        f"Study in {workspace / 'studies/demo-best-of'}: open preview.html in a browser.",
        f"Report in {page}: open it in a browser.",
    ]
    assert "figures/examples.svg" in page.read_text()
    assert (page.parent / "figures/examples.png").is_file()

    summary = pd.read_csv(workspace / "scores/demo/standard/summary.csv", index_col="run")
    assert set(summary.index) == {*METHODS, "copy-input", "target"}
    assert (summary["n"] == 2).all()
    lines = [line for line in result.out.splitlines() if line.startswith("PSNR ↑")]
    assert f"{summary.loc['copy-input', 'psnr']:.2f}" in " ".join(lines).split()
    assert summary.loc["copy-input", "vlm_action"] == 0
    assert "judged by toy-judge (reported version: toy-judge-1)" in result.out
    assert {"judge", "egovlp", "clip", "fid", "lpips", "blip_b", "vlm_prefers"} <= set(summary)
    key = pd.read_csv(workspace / "studies/demo-best-of/key.csv")
    assert set(key["run"]) == METHODS


def test_failures_are_reported_with_status_1(bench, monkeypatch):
    """Failed samples of a step are reported, and the other steps still run."""
    failed = demo.StepResult(["failed: one sample"], complete=False)
    monkeypatch.setattr(demo, "steps", lambda options: [("Fail", lambda options: failed)])
    monkeypatch.setattr(demo.Demo, "scores", "scores")
    monkeypatch.setattr(
        "egoactgen_bench.presentation.terminal_table.text", lambda scores, width: "a table"
    )
    result = bench(*CALL)
    assert (result.status, result.out.splitlines()[0]) == (1, "a table")
    assert "failed: one sample" in result.err


def test_the_demo_never_replaces_another_split(bench, drawn_split):
    result = bench(*CALL, "--name", drawn_split.name)
    assert result.status == 2
    assert (
        'contains a finished split with other settings (dataset "drawn" → "toy-kitchen"'
        in result.err
    )
    assert "--name" in result.err
    wrong = bench(*CALL, "--name", "../demo")
    assert (wrong.status, "is not a safe file name" in wrong.err) == (2, True)
