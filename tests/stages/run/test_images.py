"""The stage run: its images and their record, and the samples that fail."""

import json
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from egoactgen_bench.artifacts.runs import default_name, load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.seeds import derive_seed


def test_copy_input_gives_the_split_s_own_frames_and_a_full_record(bench, workspace):
    result = bench("run", "--method", "copy-input")
    assert (result.status, result.err) == (0, "")
    run = load_run(workspace / "runs/drawn-val/copy-input")
    split = load_split(workspace / "splits/drawn-val")
    assert list(run.samples["sample_id"]) == list(split.samples["sample_id"])
    # The synthetic frames are written by our PNG writer, so equal pixels give equal files.
    assert list(run.samples["sha256"]) == list(split.samples["input_sha256"])
    assert list(run.samples["seed"]) == [derive_seed(0, i) for i in run.samples["sample_id"]]
    assert set(run.samples["status"]) == {"ok"}
    for row in run.samples.itertuples():
        assert row.image == f"images/{row.sample_id}.png"
        assert sha256_file(run.image_path(row.image)) == row.sha256
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "images",
        "run.json",
        "samples.csv",
    ]
    manifest = run.manifest
    assert manifest.method == "copy-input"
    assert manifest.options.model_dump() == {"passed": {}, "resolved": {}}
    assert (manifest.split, manifest.fingerprint) == ("drawn-val", split.fingerprint)
    assert manifest.counts.model_dump() == {"samples": 6, "failed": 0, "by_status": {"ok": 6}}
    assert manifest.timing.model_dump().keys() == {"seconds", "images_per_second"}


def test_a_method_in_the_current_folder_gets_options_seed_and_description(bench, workspace, module):
    folder = workspace / "splits/drawn-val/descriptions"
    folder.mkdir()
    (folder / "tuned.csv").write_text("sample_id,description\nV00_0,a hand\nV01_1,\n")
    call = ["run", "--method", f"{module}:Noise", "--descriptions", "tuned", "-o", "size=5"]
    result = bench(*call, "--seed", 7, "--run", "mine", "--limit", 2)
    assert result.status == 0
    run = load_run(workspace / "runs/drawn-val/mine")
    assert list(run.samples["prompt"]) == ["open drawer, a hand", "take mug, None"]
    assert run.manifest.options.model_dump() == {
        "passed": {"size": "5"},
        "resolved": {"size": 5, "pause": 0.0},
    }
    assert run.manifest.descriptions == "tuned"
    assert run.manifest.descriptions_sha256 == sha256_file(folder / "tuned.csv")
    other = bench(*call, "--seed", 8, "--run", "other", "--limit", 2)
    assert other.status == 0
    hashes = load_run(workspace / "runs/drawn-val/other").samples["sha256"]
    assert not set(hashes) & set(run.samples["sha256"])
    assert "Did you mean 'tuned'?" in bench(*call[:3], "--descriptions", "tunde").err


def test_failing_samples_do_not_affect_others_and_are_listed_with_codes(bench, workspace, module):
    (workspace / "splits/drawn-val/frames/V02_5/input.png").unlink()
    bench("run", "--method", f"{module}:Noise", "--run", "clean")
    result = bench("run", "--method", f"{module}:Faulty", "--run", "faulty", "--batch-size", 6)
    assert result.status == 1
    first, *lines, _ = result.out.splitlines()
    place = rf"\({module}\.py, line \d+\)"
    assert re.fullmatch(rf"failed: V00_0: method_error \(ValueError: no {place}\)", first)
    lines[1] = re.sub(f" {place}", "", lines[1])
    assert lines == [
        "failed: V01_1: no_features (V01_1.npy)",
        "failed: V02_2: out_of_memory (OutOfMemoryError: CUDA out of memory)",
        "failed: V00_3: invalid_output (an array (8, 8, 3) of float32 instead of an 8-bit RGB PIL "
        "image)",
        "failed: V01_4: invalid_output (a L image of 8 × 8 instead of an 8-bit RGB PIL image)",
        "failed: V02_5: missing_image (input frame frames/V02_5/input.png)",
    ]
    manifest = json.loads((workspace / "runs/drawn-val/faulty/run.json").read_text())
    assert manifest["counts"] == {
        "samples": 6,
        "failed": 6,
        "by_status": {
            "invalid_output": 2,
            "method_error": 1,
            "missing_image": 1,
            "no_features": 1,
            "out_of_memory": 1,
        },
    }
    again = bench("run", "--method", f"{module}:Faulty", "--run", "faulty", "--batch-size", 6)
    assert again.status == 1
    assert "is already complete" in again.out


def test_the_other_samples_in_the_batch_of_a_failing_one_keep_their_bytes(bench, workspace, module):
    bench("run", "--method", f"{module}:Noise", "--run", "clean", "--batch-size", 6)
    bench("run", "--method", f"{module}:Faulty", "--run", "faulty", "--batch-size", 6)
    clean = load_run(workspace / "runs/drawn-val/clean").samples.set_index("sample_id")
    faulty = load_run(workspace / "runs/drawn-val/faulty")
    assert list(faulty.finished["sample_id"]) == ["V02_5"]
    assert faulty.finished["sha256"].item() == clean.loc["V02_5", "sha256"]
    result = bench("run", "--method", f"{module}:TooFew", "--run", "few", "--keep-going")
    assert "V00_0: invalid_output (generate returned a list of 0 instead of a list of 1" in (
        result.out
    )


def test_dry_run_counts_and_does_nothing(bench, workspace):
    first = bench("run", "--method", "copy-input", "--dry-run")
    assert first.status == 0
    assert "6 images, 0 of them done, 6 to generate" in first.out
    assert "time unknown" in first.out
    assert not (workspace / "runs").exists()
    bench("run", "--method", "copy-input")
    later = bench("run", "--method", "copy-input", "--limit", 4, "--run", "few", "--dry-run")
    assert "4 to generate" in later.out
    assert "about 0 s" in later.out


def test_finished_images_are_imported_unchanged_in_any_format(bench, workspace):
    folder = workspace / "theirs"
    folder.mkdir()
    frames = workspace / "splits/drawn-val/frames"
    for number, name in enumerate(["V00_0.jpg", "V01_1.webp", "V02_2.png", "V00_3.png"]):
        frame = Image.open(frames / Path(name).stem / "target.png")
        frame.resize((20 + number, 10)).save(folder / name)
    Image.new("L", (4, 4)).save(folder / "V01_4.png")
    result = bench("run", "--method", "images:theirs")
    assert result.status == 1
    assert "failed: V01_4: unsupported_image (V01_4.png)" in result.out
    assert "failed: V02_5: missing_image (no V02_5.png, .jpg or .webp found)" in result.out
    run = load_run(workspace / "runs/drawn-val/images-theirs")
    assert run.method == "images:theirs"
    assert len(run.finished) == 4
    for row in run.finished.itertuples():
        theirs = Image.open(next(folder.glob(f"{row.sample_id}.*")))
        ours = Image.open(run.image_path(row.image))
        assert (ours.format, ours.size) == ("PNG", theirs.size)
        assert ours.tobytes() == theirs.convert("RGB").tobytes()
    # Images of no sample are not part of the run's identity; those of samples are.
    Image.new("RGB", (4, 4)).save(folder / "grid.png")
    assert "already complete" in bench("run", "--method", "images:theirs").out
    Image.new("RGB", (4, 4)).save(folder / "V02_5.png")
    assert "sources.images" in bench("run", "--method", "images:theirs").err


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("gone")])
def test_what_is_not_a_readable_image_costs_one_sample(bench, workspace, make):
    folder = workspace / "theirs"
    folder.mkdir()
    for sample_id in ("V00_0", "V01_1"):
        Image.new("RGB", (4, 4)).save(folder / f"{sample_id}.png")
    make(folder / "V02_2.png")
    result = bench("run", "--method", "images:theirs", "--limit", 3)
    assert result.status == 1, result.err
    assert re.search(r"failed: V02_2: (undecodable|missing)_image \(V02_2\.png\)", result.out)
    assert len(load_run(workspace / "runs/drawn-val/images-theirs").finished) == 2


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("lego", "lego"),
        ("images:/data/mine/", "images-mine"),
        ("my.package:Mine", "my.package-Mine"),
        ("images:/data/mit Leerzeichen", "images-mit-Leerzeichen"),
    ],
)
def test_a_run_is_named_after_its_method(method, name):
    assert default_name(method) == name


def test_methods_name_shows_typed_options(bench, workspace, module):
    result = bench("methods", f"{module}:Noise")
    assert result.status == 0
    assert "size   int, ≥ 1, ≤ 64  8    width and height" in result.out
    assert "Did you mean 'images'?" in bench("methods", "image").err


def test_a_contact_sheet_does_not_hide_the_images_in_the_subfolder(bench, workspace):
    folder = workspace / "theirs"
    (folder / "images").mkdir(parents=True)
    for sample_id in ("V00_0", "V01_1"):
        Image.new("RGB", (4, 4)).save(folder / f"images/{sample_id}.png")
    Image.new("RGB", (9, 9)).save(folder / "grid.png")
    result = bench("run", "--method", "images:theirs", "--limit", 2)
    assert (result.status, result.err) == (0, "")
    Image.new("RGB", (4, 4)).save(folder / "V00_0.png")
    result = bench("run", "--method", "images:theirs", "--limit", 2, "--name", "two")
    assert "failed: V00_0: ambiguous_image" in result.out


def test_one_unreadable_input_frame_costs_one_sample(bench, workspace):
    frame = workspace / "splits/drawn-val/frames/V01_1/input.png"
    frame.unlink()
    frame.mkdir()
    result = bench("run", "--method", "copy-input")
    assert result.status == 1
    assert "failed: V01_1: undecodable_image (input frame frames/V01_1/input.png)" in result.out
    assert len(load_run(workspace / "runs/drawn-val/copy-input").finished) == 5


def test_a_limit_says_that_it_takes_the_first_samples(bench, drawn_split):
    result = bench("run", "--method", "copy-input", "--limit", 2)
    sentence = "Samples: the first 2 of the split's 6 samples, which may all be of one video"
    assert f"{sentence} (--limit)." in result.out
    assert "Samples: " not in bench("run", "--method", "copy-input", "--name", "all").out
