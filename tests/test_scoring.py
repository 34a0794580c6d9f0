"""The stage score on a drawn split: files, values, failures, resuming, processes."""

import numpy as np
import pandas as pd


def test_the_daily_loop_scores_what_was_run(bench, drawn_split):
    assert bench("run", "--method", "copy-input").status == 0
    result = bench("score", "--reference", "target", "--metrics", "psnr")
    assert result.status == 0, result.err
    folder = drawn_split.parents[1] / "scores" / "drawn-val" / "standard"
    summary = pd.read_csv(folder / "summary.csv", index_col="run")
    assert summary.loc["target", "psnr"] == np.inf
    copied = summary.loc["copy-input"]
    assert copied["n"] == 6
    assert copied["psnr_lo"] < copied["psnr"] < copied["psnr_hi"]
    assert "| target | 6 | inf |" in (folder / "table.md").read_text()
