"""Errors of the stage score: damaged images, failing metrics, invalid calls."""

import numpy as np
import pandas as pd
import pytest

from drawn_metrics import Failing, Spread, Undeclared, Weighty, named
from drawn_runs import damage, in_process, scores_folder, write_run
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import write_csv


def test_damaged_images_are_reported_and_the_others_are_scored(bench, drawn_split, runs):
    codes = damage(runs["far"])
    result = bench("score", "--metrics", "psnr")
    assert result.status == 1
    assert "Traceback" not in result.err
    folder = scores_folder(drawn_split)
    errors = pd.read_csv(folder / "errors.csv")
    assert dict(zip(errors["sample_id"], errors["code"], strict=True)) == codes
    assert set(errors["run"]) == {"far"}
    for sample_id, code in codes.items():
        assert f"far: {sample_id}: {code}" in result.err
    summary = pd.read_csv(folder / "summary.csv", index_col="run")
    assert summary["n"].to_dict() == {"far": 1, "near": 6}
    assert np.isfinite(summary.loc["far", "psnr"])  # the one of another size was resized
    assert "5 values could not be computed" in (folder / "table.md").read_text()


def test_a_metric_may_fail_on_samples(drawn_split, runs, tmp_path):
    scores = in_process(drawn_split, tmp_path / "out", metrics=["psnr", named(Failing)])
    assert set(scores.errors["metric"]) == {"failing"}
    assert scores.errors["code"].value_counts().to_dict() == {"not_finite": 4, "too_hard": 4}
    assert scores.summary["failing_n"].tolist() == [2, 2]
    assert scores.summary["n"].tolist() == [6, 6]
    assert not scores.complete


def test_too_few_samples_for_a_set(drawn_split, tmp_path):
    folder = write_run(drawn_split, "one", 5)
    table = pd.read_csv(folder / "samples.csv").head(1)
    write_csv(folder / "samples.csv", table)
    scores = in_process(drawn_split, tmp_path / "out", metrics=[named(Spread), "psnr"])
    assert scores.errors["code"].tolist() == ["too_few_samples"]
    assert scores.summary["n"].tolist() == [1]
    assert scores.summary["psnr"].notna().all()
    assert any("contains 1 of the split's 6 samples" in note for note in scores.manifest.notices)


def test_failed_samples_of_a_run_keep_their_code(drawn_split, tmp_path):
    folder = write_run(drawn_split, "partly", 5)
    table = pd.read_csv(folder / "samples.csv", keep_default_na=False)
    table.loc[2, ["status", "image", "sha256"]] = ["no_feature", "", ""]
    write_csv(folder / "samples.csv", table)
    scores = in_process(drawn_split, tmp_path / "out", metrics=["psnr"])
    assert scores.errors["code"].tolist() == ["no_feature"]
    assert scores.summary["n"].tolist() == [5]


def test_runs_of_another_split_are_refused_and_other_frames_warned_of(bench, drawn_split):
    write_run(drawn_split, "other", 5, frames_fingerprint="0" * 64)
    result = bench("score", "--metrics", "psnr")
    assert result.status == 0
    assert "made from different frames" in result.out
    write_run(drawn_split, "stranger", 5, fingerprint="0" * 64)
    result = bench("score", "--metrics", "psnr")
    assert result.status == 2
    assert "made on a different test set" in result.err


def test_missing_weights(bench, drawn_split, runs, monkeypatch):
    result = bench("score", "--metrics", f"psnr,{named(Weighty)},{named(Undeclared)}")
    assert result.status == 1
    fetch = f"bench models fetch weighty.safetensors --plugin {named(Weighty)}"
    assert f"weighty needs weighty.safetensors: get it with `{fetch}`." in result.err
    models = drawn_split.parents[1] / "models"
    assert f"undeclared needs weighty.safetensors: put it into {models}." in result.err
    folder = scores_folder(drawn_split)
    assert "psnr" in pd.read_csv(folder / "summary.csv")
    from egoactgen_bench.api import plugins

    point = plugins.registered("metrics")["psnr"]
    strange = type(point)("weighty", named(Weighty), point.group)
    monkeypatch.setattr(
        plugins,
        "registered",
        lambda kind: {"psnr": point, "weighty": strange} if kind == "metrics" else {},
    )
    result = bench("score")
    assert result.status == 0
    assert result.err.startswith("left out: weighty (no weights: `bench models fetch")
    assert result.err.count("\n") == 1
    assert "weighty" not in pd.read_csv(folder / "summary.csv")


def test_scores_are_kept_if_no_metric_can_be_computed(bench, drawn_split, runs):
    assert bench("score", "--metrics", "psnr").status == 0
    table = scores_folder(drawn_split) / "table.md"
    before = table.read_text()
    result = bench("score", "--metrics", named(Weighty))
    assert result.status == 1
    assert "bench models fetch weighty.safetensors" in result.err
    assert result.err.endswith(f"No metric can be computed; {table.parent} is left unchanged.\n")
    with pytest.raises(BenchError, match=r"No metric can be computed.*bench models fetch weighty"):
        in_process(drawn_split, table.parent, metrics=[named(Weighty)])
    assert table.read_text() == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--metrics", "pnsr"], "Unknown metric 'pnsr'. Did you mean 'psnr'?"),
        (
            ["--protocol", "lego-releas"],
            "Unknown protocol 'lego-releas'. Did you mean 'lego-release'?",
        ),
        (["--metrics", "ssim", "--protocol", "lego-release"], "ssim has no lego-release variant"),
        (["--reference", "targets"], "Unknown reference 'targets'. Did you mean 'target'?"),
        (["--captioner", "lavvis"], "Unknown captioner 'lavvis'. Did you mean 'lavis'?"),
        (["-o", "psnr.range=1"], "Metric psnr has no option 'range'."),
        (["-o", "range=1"], "write -o metric.option=value"),
        (["--descriptions", "none"], "has no descriptions 'none'"),
        (["nobody"], "No finished run 'nobody' of split"),
        (["--device", "tpu9"], "Unknown device 'tpu9'"),
    ],
)
def test_bad_calls_are_one_sentence(bench, drawn_split, runs, options, sentence):
    result = bench("score", *options)
    assert result.status == 2
    assert sentence in result.err
    assert result.err.count("\n") == 1


def test_nothing_to_score(bench, drawn_split):
    result = bench("score")
    assert result.status == 2
    assert "make one with `bench run`" in result.err
