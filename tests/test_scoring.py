"""The stage score on a drawn split: files, values, failures, resuming, processes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import egoactgen_bench
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.files import sha256_bytes, write_csv, write_json
from egoactgen_bench.images import write_png
from egoactgen_bench.metrics.base import Metric
from egoactgen_bench.options import Options
from egoactgen_bench.scoring import score
from egoactgen_bench.splits import Split, load_split

FILES = ("scores.csv", "summary.csv", "comparisons.csv", "errors.csv", "slices.csv", "table.md")


def write_run(split_folder: Path, name: str, noise: float, **changes: object) -> Path:
    """A finished run whose images are the targets with noise of a given strength."""
    split = load_split(split_folder)
    folder = split_folder.parents[1] / "runs" / split.name / name
    generator = np.random.default_rng(len(name))
    rows = []
    for sample in split.samples.to_dict("records"):
        target = np.asarray(Image.open(split.frame_path(sample["target_frame"])), float)
        pixels = target + generator.normal(0, noise, target.shape)
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        relative = f"images/{sample['sample_id']}.png"
        data = write_png(folder / relative, image)
        row = {"sample_id": sample["sample_id"], "image": relative, "sha256": sha256_bytes(data)}
        rows.append(row | {"seed": 0, "prompt": "", "status": "ok", "seconds": 0.1, "detail": ""})
    write_csv(folder / "samples.csv", pd.DataFrame(rows))
    manifest = {
        "method": name,
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "counts": {},
    }
    write_json(folder / "run.json", manifest | changes)
    return folder


@pytest.fixture
def runs(drawn_split: Path) -> dict[str, Path]:
    return {name: write_run(drawn_split, name, noise) for name, noise in (("near", 5), ("far", 40))}


def scores_folder(drawn_split: Path, protocol: str = "standard") -> Path:
    return drawn_split.parents[1] / "scores" / "drawn-val" / protocol


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def in_process(split_folder: Path, out: Path, **choices: object):
    split = load_split(split_folder)
    runs = [
        egoactgen_bench.load_run(path.parent)
        for path in sorted((split_folder.parents[1] / "runs" / split.name).glob("*/run.json"))
    ]
    return score(split, runs, out, device="cpu", **choices)


def test_files_hold_what_the_contract_names(bench, drawn_split, runs):
    result = bench("score", "--metrics", "psnr,ssim", "--reference", "target,copy-input")
    assert result.status == 0, result.err
    folder = scores_folder(drawn_split)
    values = pd.read_csv(folder / "scores.csv")
    assert list(values) == ["split", "run", "sample_id", "metric", "value", "signature"]
    assert len(values) == 4 * 6 * 2
    assert set(values["run"]) == {"near", "far", "target", "copy-input"}
    assert values["signature"].str.endswith("|v:0.1.0|n:6").all()
    summary = pd.read_csv(folder / "summary.csv", index_col="run")
    assert list(summary) == ["n", "psnr", "psnr_lo", "psnr_hi", "ssim", "ssim_lo", "ssim_hi"]
    assert summary.loc["target", ["psnr", "psnr_lo", "psnr_hi"]].tolist() == [np.inf] * 3
    near = values[(values["run"] == "near") & (values["metric"] == "psnr")]["value"]
    assert summary.loc["near", "psnr"] == pytest.approx(near.mean())
    assert summary.loc["near", "psnr_lo"] <= summary.loc["near", "psnr"]
    comparisons = pd.read_csv(folder / "comparisons.csv")
    assert list(comparisons) == ["metric", "run_a", "run_b", "difference", "p_value"]
    assert len(comparisons) == 2 * 6
    assert comparisons["p_value"].between(0, 1).all()
    assert not comparisons["difference"].isna().any()
    manifest = json.loads((folder / "score.json").read_text())
    assert manifest["metrics"]["psnr"]["signature"] == "psnr|resize:lanczos|range:255|v:0.1.0"
    for name in ("table.md", "table.tex", "table.csv"):
        assert (folder / name).is_file()


def test_the_same_call_twice_gives_the_same_bytes(drawn_split, runs, tmp_path):
    first = in_process(drawn_split, tmp_path / "a", metrics=["psnr", "ssim"])
    second = in_process(drawn_split, tmp_path / "a", metrics=["psnr", "ssim"])
    anew = in_process(drawn_split, tmp_path / "b", metrics=["psnr", "ssim"], batch_size=1)
    assert contents(first.folder) == contents(second.folder) == contents(anew.folder)
    manifests = [json.loads((s.folder / "score.json").read_text()) for s in (first, anew)]
    for manifest in manifests:
        for key in ("timing", "device", "versions", "batch_size"):
            del manifest[key]
    assert manifests[0] == manifests[1]
    pd.testing.assert_frame_equal(egoactgen_bench.load_scores(first.folder).summary, first.summary)


class Counting(Metric[Options]):
    """How many batches were measured, and the mean of the output."""

    name, label = "counting", "Counting"
    higher_is_better = True
    calls: list[int] = []  # noqa: RUF012

    def measure(self, batch):
        self.calls.append(len(batch))
        return np.array([[np.asarray(image).mean()] for image in batch.images("output")])


class Failing(Counting):
    """NaN for one sample, an error of its own for another."""

    name = "failing"

    def measure(self, batch):
        rows = np.array([[np.asarray(image).mean()] for image in batch.images("output")])
        actions = batch.texts("action")
        if "cut onion" in actions and len(batch) == 1:
            raise SampleError("too_hard", "onions")
        if "cut onion" in actions:
            raise SampleError("too_hard")
        rows[[action == "take mug" for action in actions]] = np.nan
        return rows

    needs = frozenset({"output", "action"})


class Spread(Counting):
    """A metric of whole sets: the variance of the outputs' means."""

    name, per_sample, minimum_samples, advised_samples = "spread", False, 2, 100

    def summarise(self, rows):
        return float(np.var(rows[:, 0]))


def named(metric: type[Metric]) -> str:
    sys.modules.setdefault("drawn_metrics", sys.modules[__name__])
    return f"drawn_metrics:{metric.__name__}"


def test_only_what_is_new_is_measured(drawn_split, runs, tmp_path):
    choices = {"workspace": tmp_path / "workspace", "metrics": [named(Counting)], "batch_size": 4}
    Counting.calls.clear()
    in_process(drawn_split, tmp_path / "out", **choices)
    assert Counting.calls == [4, 4, 2, 2]
    in_process(drawn_split, tmp_path / "out", **choices)
    assert len(Counting.calls) == 4
    image = next((runs["near"] / "images").iterdir())
    Image.new("RGB", (96, 64), "red").save(image)
    changed = in_process(drawn_split, tmp_path / "out", **choices)
    assert Counting.calls[4:] == [1]
    assert any("1 image of run 'near' changed" in note for note in changed.manifest["notices"])
    in_process(drawn_split, tmp_path / "out", **choices, overwrite=True)
    assert Counting.calls[5:] == [4, 4, 2, 2]


def test_an_interrupted_call_goes_on(drawn_split, runs, tmp_path, monkeypatch):
    choices = {"workspace": tmp_path / "workspace", "metrics": [named(Counting)], "batch_size": 2}
    whole = in_process(drawn_split, tmp_path / "whole", metrics=[named(Counting)], batch_size=2)
    Counting.calls.clear()
    measure = Counting.measure

    def killed(self, batch):
        if len(self.calls) == 3:
            raise KeyboardInterrupt
        return measure(self, batch)

    monkeypatch.setattr(Counting, "measure", killed)
    with pytest.raises(KeyboardInterrupt):
        in_process(drawn_split, tmp_path / "out", **choices)
    assert not (tmp_path / "out" / "score.json").exists()
    monkeypatch.setattr(Counting, "measure", measure)
    resumed = in_process(drawn_split, tmp_path / "out", **choices)
    assert len(Counting.calls) == 6
    assert contents(resumed.folder) == contents(whole.folder)


def damage(folder: Path) -> dict[str, str]:
    """Damage six images, each in its own way; return the code that each deserves."""
    paths = sorted((folder / "images").iterdir())
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    Image.open(paths[2]).convert("L").save(paths[2])
    Image.open(paths[3]).convert("RGBA").save(paths[3])
    Image.fromarray(np.zeros((64, 96), np.uint16)).save(paths[4])
    Image.open(paths[5]).resize((256, 256)).save(paths[5])
    codes = ["missing_image", "undecodable_image", *["unsupported_image"] * 3]
    return {path.stem: code for path, code in zip(paths, codes, strict=False)}


def test_damaged_images_are_named_and_the_rest_is_scored(bench, drawn_split, runs):
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


def test_metrics_of_whole_sets(drawn_split, runs, tmp_path):
    scores = in_process(drawn_split, tmp_path / "out", metrics=[named(Spread)], fid_permutations=19)
    rows = scores.values
    assert rows["sample_id"].tolist() == ["", ""]
    assert scores.summary["spread_lo"].isna().all()
    assert scores.comparisons["p_value"].between(0.05, 1).all()
    assert scores.comparisons["difference"].tolist() == pytest.approx(
        [rows["value"].diff().iloc[1] * -1]
    )
    assert sum("stands on 6 samples" in note for note in scores.manifest["notices"]) == 2


def test_too_few_samples_for_a_set(drawn_split, tmp_path):
    folder = write_run(drawn_split, "one", 5)
    table = pd.read_csv(folder / "samples.csv").head(1)
    write_csv(folder / "samples.csv", table)
    scores = in_process(drawn_split, tmp_path / "out", metrics=[named(Spread), "psnr"])
    assert scores.errors["code"].tolist() == ["too_few_samples"]
    assert scores.summary["n"].tolist() == [1]
    assert scores.summary["psnr"].notna().all()
    assert any("holds 1 of the split's 6 samples" in note for note in scores.manifest["notices"])


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
    assert "made from other frames" in result.out
    write_run(drawn_split, "stranger", 5, fingerprint="0" * 64)
    result = bench("score", "--metrics", "psnr")
    assert result.status == 2
    assert "made on another test set" in result.err


class Weighty(Counting):
    """Needs a file that nobody has."""

    name = "weighty"

    def weights(self):
        return (("weighty.safetensors", "weighty.pt"),)


def test_absent_weights(bench, drawn_split, runs, monkeypatch):
    result = bench("score", "--metrics", f"psnr,{named(Weighty)}")
    assert result.status == 1
    assert "bench models fetch weighty.safetensors" in result.err
    folder = scores_folder(drawn_split)
    assert "psnr" in pd.read_csv(folder / "summary.csv")
    from egoactgen_bench import plugins

    point = plugins.registered("metrics")["psnr"]
    strange = type(point)("weighty", named(Weighty), point.group)
    monkeypatch.setattr(
        plugins,
        "registered",
        lambda kind: {"psnr": point, "weighty": strange} if kind == "metrics" else {},
    )
    result = bench("score")
    assert result.status == 0
    assert "left out: weighty needs weighty.safetensors" in result.err
    assert "weighty" not in pd.read_csv(folder / "summary.csv")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--metrics", "pnsr"], "There is no metric 'pnsr'. Did you mean 'psnr'?"),
        (
            ["--protocol", "lego-releas"],
            "There is no protocol 'lego-releas'. Did you mean 'lego-release'?",
        ),
        (["--metrics", "ssim", "--protocol", "lego-release"], "ssim has no lego-release variant"),
        (["--reference", "targets"], "There is no reference 'targets'. Did you mean 'target'?"),
        (["--captioner", "lavvis"], "There is no captioner 'lavvis'. Did you mean 'lavis'?"),
        (["-o", "psnr.range=1"], "Metric psnr has no option 'range'."),
        (["-o", "range=1"], "write -o metric.option=value"),
        (["--descriptions", "none"], "has no descriptions 'none'"),
        (["nobody"], "There is no finished run 'nobody'"),
        (["--device", "tpu9"], "There is no device 'tpu9'"),
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


def test_dry_run_does_nothing(bench, drawn_split, runs):
    result = bench("score", "--dry-run")
    assert result.status == 0
    assert "6 samples, 2 rows (far, near)" in result.out
    assert "reads 18 images" in result.out
    assert "not known before a first scoring" in result.out
    assert not (drawn_split.parents[1] / "scores").exists()
    assert not (drawn_split.parents[1] / "cache").exists()


def test_dry_run_expects_the_last_pace(bench, drawn_split, runs):
    bench("score", "--metrics", "psnr")
    assert "at the last scoring's pace" in bench("score", "--metrics", "psnr", "--dry-run").out


def test_two_processes_find_what_one_finds(drawn_split, runs, tmp_path):
    damage(runs["far"])
    alone = in_process(drawn_split, tmp_path / "alone", metrics=["psnr", "ssim"], batch_size=2)
    shutil.rmtree(tmp_path / "workspace" / "cache", ignore_errors=True)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    program = ["--no-python", str(Path(sys.executable).with_name("bench")), "score"]
    options = ["-w", tmp_path / "workspace", "--metrics", "psnr,ssim", "--batch-size", "2"]
    done = subprocess.run(
        [*launch, *program, *map(str, options), "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.count("Scores in") == 1, done.stderr
    assert contents(tmp_path / "two") == contents(alone.folder)


def test_published_rows_stand_beside_their_own_protocol_only(drawn_split, runs, tmp_path):
    split = load_split(drawn_split)
    real = Split(split.folder, split.manifest | {"dataset": "ego4d"}, split.samples)
    run = egoactgen_bench.load_run(runs["near"])
    tables = {}
    for protocol in ("standard", "lego-release"):
        scores = score(
            real, [run], tmp_path / protocol, protocol=protocol, metrics=["psnr"], device="cpu"
        )
        tables[protocol] = (scores.folder / "table.md").read_text()
    assert "| LEGO (published) |  | 12.29 |" in tables["lego-release"]
    assert "published" not in tables["standard"]


def test_slices(drawn_split, runs, tmp_path):
    scores = in_process(drawn_split, tmp_path / "out", metrics=["psnr"])
    split = load_split(drawn_split)
    table = egoactgen_bench.slice_scores(scores, split, "verb")
    assert table["n"].tolist() == [2] * 6
    values = scores.values.merge(split.samples, on="sample_id")
    wanted = values.groupby(["verb", "run"])["value"].mean()
    for row in table.to_dict("records"):
        assert row["psnr"] == pytest.approx(wanted[row["part"], row["run"]])
        assert row["psnr_lo"] <= row["psnr"] <= row["psnr_hi"]
    kitchens = split.samples.assign(
        dataset="epic-kitchens", video_id=[f"P{18 if n < 2 else 1:02d}_0{n}" for n in range(6)]
    )
    epic = Split(split.folder, split.manifest, kitchens)
    by = egoactgen_bench.slice_scores(scores, epic, "participant").set_index(["run", "part"])["n"]
    assert by.to_dict() == {
        (run, part): n for run in ("far", "near") for part, n in (("seen", 4), ("unseen", 2))
    }
    given = egoactgen_bench.slice_scores(scores, epic, "participant", train={"P18"})
    assert given.set_index(["run", "part"])["n"]["far", "unseen"] == 4
    with pytest.raises(BenchError, match="Did you mean 'verb'"):
        egoactgen_bench.slice_scores(scores, split, "verbs")
