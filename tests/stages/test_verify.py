"""`bench verify`: reports changes since a manifest was written."""

import os
import shutil
from pathlib import Path

import pytest

from drawn_runs import write_drawn_run
from egoactgen_bench.artifacts.splits import fingerprint
from egoactgen_bench.support.files import read_csv, read_json, sha256_bytes, write_csv, write_json

STUDY = {
    **{"name": "s", "study": "best-of", "split": "v", "fingerprint": "f", "candidates": []},
    **{"options": {"seed": 0}, "counts": {"examples": 0, "votes": 0, "checks": 0}},
    **{"secret": "00ff", "tasks": []},
}


def test_unchanged_split_passes(bench, drawn_split):
    result = bench("verify", drawn_split)
    assert (result.status, result.err) == (0, "")
    assert result.out == f"{drawn_split}: everything is as recorded\n"


def test_changed_missing_and_added_frames_are_reported(bench, drawn_split):
    frames = drawn_split / "frames"
    with (frames / "V00_0/input.png").open("ab") as stream:
        stream.write(b"x")
    (frames / "V01_1/target.png").unlink()
    (frames / "V02_2/other.png").write_bytes(b"x")
    result = bench("verify", drawn_split)
    assert result.status == 1
    assert result.out.splitlines() == [
        "frames/V00_0/input.png: differs from its recorded sha256",
        "frames/V01_1/target.png: is missing",
        "frames/V02_2/other.png: in no table",
    ]
    assert result.err == f"bench: {drawn_split} is not as recorded (differences: 3).\n"


def test_every_cell_of_a_runs_table_is_hashed(bench, drawn_split):
    workspace = drawn_split.parents[1]
    assert bench("run", "--method", "copy-input", "-w", workspace).status == 0
    path = workspace / "runs" / drawn_split.name / "copy-input" / "samples.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1].replace(",ok,", ",ok,1"), *lines[2:]]))
    result = bench("verify", path.parent)
    assert result.status == 1
    assert result.out == "samples.csv: differs from its recorded sha256\n"


def test_changed_table_is_reported(bench, drawn_split):
    path = drawn_split / "samples.csv"
    path.write_text(path.read_text().replace("open drawer", "shut drawer"))
    result = bench("verify", drawn_split)
    assert result.status == 1
    assert result.out == "split.json: fingerprint differs from that of the tables\n"


def test_images_of_a_run_are_hashed(bench, drawn_split):
    run = write_drawn_run(drawn_split, "grey", failed=("V00_0",))
    assert bench("verify", run).status == 0
    (run / "images/V01_1.png").write_bytes(b"x")
    result = bench("verify", run)
    assert result.status == 1
    assert result.out == "images/V01_1.png: differs from its recorded sha256\n"


def test_files_of_any_manifest_are_hashed(bench, tmp_path):
    (tmp_path / "table.csv").write_bytes(b"a,b\n")
    write_json(tmp_path / "study.json", STUDY | {"files": {"table.csv": sha256_bytes(b"a,b\n")}})
    assert bench("verify", tmp_path).status == 0
    (tmp_path / "table.csv").write_bytes(b"a,c\n")
    result = bench("verify", tmp_path)
    assert result.status == 1
    assert result.out == "table.csv: differs from its recorded sha256\n"


@pytest.mark.parametrize("files", [7, "table.csv", [1]])
def test_files_of_a_wrong_type_are_refused_in_one_sentence(bench, tmp_path, files):
    write_json(tmp_path / "study.json", STUDY | {"files": files})
    result = bench("verify", tmp_path)
    assert result.status == 2
    assert "study.json is not the manifest of a study: files: " in result.err


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "a/../../b", "", "a\x00b", "."])
def test_files_outside_of_the_folder_are_reported_and_not_read(bench, tmp_path, name):
    write_json(tmp_path / "study.json", STUDY | {"files": {name: "0" * 64}})
    result = bench("verify", tmp_path)
    assert result.status == 1
    assert "which is not a file in it" in result.out
    assert "sha256" not in result.out


def test_verify_continues_after_a_file_that_cannot_be_read(bench, drawn_split):
    frames = drawn_split / "frames"
    (frames / "V00_0/input.png").unlink()
    (frames / "V00_0/input.png").mkdir()
    (frames / "V01_1/input.png").unlink()
    os.mkfifo(frames / "V01_1/input.png")
    (frames / "V02_2/target.png").write_bytes(b"x")
    result = bench("verify", drawn_split)
    assert result.status == 1
    assert result.out.splitlines() == [
        "frames/V00_0/input.png: cannot be read (not a regular file)",
        "frames/V01_1/input.png: cannot be read (not a regular file)",
        "frames/V02_2/target.png: differs from its recorded sha256",
    ]


def test_a_run_that_names_the_target_frames_is_reported(bench, drawn_split):
    run = write_drawn_run(drawn_split, "grey")
    split = read_csv(drawn_split / "samples.csv", dtype=str)
    samples = read_csv(run / "samples.csv", dtype=str)
    for index, row in split.iterrows():
        samples.loc[index, "image"] = f"../../../splits/drawn-val/{row['target_frame']}"
        samples.loc[index, "sha256"] = row["target_sha256"]
    write_csv(run / "samples.csv", samples)
    result = bench("verify", run)
    assert result.status == 1
    assert "which is not its own file images/V00_0.png" in result.out
    for call in (("score", "--metrics", "psnr"), ("export-amt",)):
        result = bench(*call)
        assert result.status == 2
        assert "which is not its own file images/V00_0.png" in result.err


def test_folder_without_a_manifest_is_refused(bench, tmp_path):
    result = bench("verify", tmp_path)
    assert result.status == 2
    assert "contains no finished split, run, score or study" in result.err


def test_against_reports_missing_added_and_moved_samples(bench, drawn_split, tmp_path):
    _copy_as_standard(drawn_split, tmp_path / "standard")
    call = ("verify", drawn_split, "--against", tmp_path / "standard/split.json")
    assert bench(*call).status == 0

    samples = read_csv(drawn_split / "samples.csv", dtype={"sample_id": str})
    samples.loc[1, "t_input"] += 0.5
    samples.loc[2, "sample_id"] = "new"
    samples[["input_frame", "target_frame", "input_sha256", "target_sha256"]] = ""
    shutil.rmtree(drawn_split / "frames")
    write_csv(drawn_split / "samples.csv", samples)
    manifest = read_json(drawn_split / "split.json")
    write_json(
        drawn_split / "split.json",
        manifest | {"fingerprint": fingerprint(samples), "frames_fingerprint": None},
    )
    result = bench(*call)
    assert result.status == 1
    assert result.out.splitlines() == [
        "V02_2 is missing",
        "new is not in the standard split",
        "V01_1 has other times than in the standard split",
    ]


def _copy_as_standard(split: Path, standard: Path) -> None:
    columns = ["sample_id", "video_id", "t_start", "t_end", "t_input", "t_target"]
    write_csv(standard / "samples.csv", read_csv(split / "samples.csv")[columns])
    write_json(standard / "split.json", read_json(split / "split.json"))


def test_against_reports_other_frames_of_the_same_samples(bench, drawn_split, tmp_path):
    standard = tmp_path / "standard"
    shutil.copytree(drawn_split, standard)
    manifest = read_json(standard / "split.json")
    write_json(drawn_split / "split.json", manifest | {"versions": {"pillow": "2"}})
    others = {"frames_fingerprint": "0" * 64, "versions": {"pillow": "1"}}
    write_json(standard / "split.json", manifest | others)
    result = bench("verify", drawn_split, "--against", standard / "split.json")
    assert result.status == 1
    assert result.out == (
        "the frames differ from the standard split's (pillow 1 there and 2 here)\n"
    )


def test_a_changed_manifest_is_named(bench, drawn_split):
    assert bench("run", "--method", "copy-input").status == 0
    run = drawn_split.parents[1] / "runs/drawn-val/copy-input"
    assert bench("verify", run).status == 0
    manifest = run / "run.json"
    text = manifest.read_text()
    manifest.write_text(text.replace('"batch_size": 1', '"batch_size": 2'))
    result = bench("verify", run)
    assert result.status == 1
    assert "run.json: differs from its checksum" in result.out + result.err
    manifest.write_text(text)
    assert bench("verify", run).status == 0


@pytest.mark.parametrize("outside", [True, False])
def test_another_table_in_the_place_of_the_rejections_is_reported(bench, drawn_split, outside):
    other = (drawn_split.parent if outside else drawn_split) / "other.csv"
    other.write_text("name\nsomething\n")
    (drawn_split / "rejected.csv").unlink(missing_ok=True)
    (drawn_split / "rejected.csv").symlink_to(other)
    result = bench("verify", drawn_split)
    assert result.status == 1
    sentence = "is a link that leads out of" if outside else "rejected.csv lacks the column"
    assert sentence in result.out
