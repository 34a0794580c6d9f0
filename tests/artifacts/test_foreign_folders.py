"""Splits and runs from others: they can name only their own files."""

import re
import shutil

import pytest

from drawn_runs import write_drawn_run
from egoactgen_bench import load_run, load_scores, load_split, score
from egoactgen_bench.artifacts.descriptions import load_descriptions, new_descriptions
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv, read_json, write_csv, write_json


@pytest.fixture
def drawn_run(drawn_split):
    return write_drawn_run(drawn_split, "grey", failed=("V02_2",))


def change(folder, column, value, row=0):
    table = read_csv(folder / "samples.csv", dtype=str)
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    write_csv(folder / "samples.csv", table)


def refused(load, folder) -> str:
    with pytest.raises(BenchError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "image",
    [
        "../../../splits/drawn-val/frames/V00_0/target.png",
        "/etc/passwd",
        "images/V01_1.png",
        "images/../images/V00_0.png",
        "images/V00_0.gif",
        "images/V00_0.png/../x.png",
        "images\\V00_0.png",
        "V00_0.png",
        "images/V00_0.png\x00.png",
        "images/" + "x" * 5000,
        "file:///etc/passwd",
    ],
)
def test_a_run_can_only_name_the_own_image_of_a_sample(drawn_run, image):
    change(drawn_run, "image", image)
    assert "which is not its own file images/V00_0.png" in refused(load_run, drawn_run)


@pytest.mark.parametrize("sample_id", ["../x", "", ".hidden", "a/b", "ä", "x" * 129, "a\n"])
@pytest.mark.parametrize("kind", ["split", "run"])
def test_sample_ids_are_safe_file_names(drawn_split, drawn_run, kind, sample_id):
    folder, load = {"split": (drawn_split, load_split), "run": (drawn_run, load_run)}[kind]
    change(folder, "sample_id", sample_id)
    assert "contains the sample id" in refused(load, folder)


def test_a_sample_occurs_once(drawn_split, drawn_run):
    change(drawn_split, "sample_id", "V01_1")
    change(drawn_run, "sample_id", "V01_1")
    for load, folder in ((load_split, drawn_split), (load_run, drawn_run)):
        assert "contains the sample 'V01_1' twice" in refused(load, folder)


def test_a_cut_table_is_not_a_smaller_split_or_run(drawn_split, drawn_run):
    write_json(
        drawn_run / "run.json", read_json(drawn_run / "run.json") | {"counts": {"samples": 6}}
    )
    for load, folder in ((load_split, drawn_split), (load_run, drawn_run)):
        table = read_csv(folder / "samples.csv", dtype=str)
        for rows in (table[:4], table[:0]):
            write_csv(folder / "samples.csv", rows)
            sentence = rf"contains {len(rows)} samples, but {load.__name__[5:]}\.json records 6"
            assert re.search(sentence, refused(load, folder))
        write_csv(folder / "samples.csv", table)
        load(folder)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("input_frame", "frames/V00_0/target.png"),
        ("target_frame", "frames/V01_1/target.png"),
        ("target_frame", "../secret.png"),
        ("input_sha256", "../../../../x"),
        ("input_sha256", ""),
    ],
)
def test_a_split_can_only_name_the_own_frames_of_a_sample(drawn_split, column, value):
    change(drawn_split, column, value)
    assert f"as {column} of sample 'V00_0'" in refused(load_split, drawn_split)


def test_a_sample_with_status_ok_has_an_image(drawn_run):
    change(drawn_run, "status", "ok", row=2)
    assert "sample 'V02_2' has status ok but no image" in refused(load_run, drawn_run)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", ".hidden", "", "a/b", "a\nb"])
def test_a_manifest_s_own_name_is_safe(drawn_split, name):
    write_json(drawn_split / "split.json", read_json(drawn_split / "split.json") | {"name": name})
    assert "name: " in refused(load_split, drawn_split)


@pytest.mark.parametrize("times", ["soon", "inf"])
def test_times_are_numbers(drawn_split, times):
    change(drawn_split, "t_start", times)
    assert "t_start contains" in refused(load_split, drawn_split)


def test_links_that_lead_out_are_refused(drawn_split, drawn_run, tmp_path):
    target = drawn_split / "frames/V00_0/target.png"
    image = drawn_run / "images/V00_0.png"
    image.unlink()
    image.symlink_to(target)
    run = load_run(drawn_run)
    assert "is a link that leads out of" in refused(run.image_path, "images/V00_0.png")
    choices = {"metrics": ["psnr"], "device": "cpu"}
    with pytest.raises(BenchError, match="is a link that leads out of"):
        score(load_split(drawn_split), [run], tmp_path / "out", **choices)
    image.unlink()
    shutil.move(drawn_run / "images", tmp_path / "elsewhere")
    (drawn_run / "images").symlink_to(tmp_path / "elsewhere")
    assert "is a link that leads out of" in refused(run.image_path, "images/V01_1.png")


def test_a_folder_may_itself_be_a_link(drawn_split, tmp_path):
    shutil.move(drawn_split, tmp_path / "elsewhere")
    drawn_split.symlink_to(tmp_path / "elsewhere")
    split = load_split(drawn_split)
    assert split.frame_path("frames/V00_0/input.png").is_file()


def test_tables_are_not_links_that_lead_out(drawn_split, drawn_run, tmp_path):
    (tmp_path / "secret.csv").write_text("sample_id,description\nV00_0,secret\n")
    (drawn_split / "descriptions").mkdir()
    (drawn_split / "descriptions/mine.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(BenchError, match="is a link that leads out of"):
        load_descriptions(drawn_split, "mine")
    for load, folder in ((load_split, drawn_split), (load_run, drawn_run)):
        shutil.move(folder / "samples.csv", tmp_path / "samples.csv")
        (folder / "samples.csv").symlink_to(tmp_path / "samples.csv")
        assert "is a link that leads out of" in refused(load, folder)


def test_descriptions_are_not_written_through_links_that_lead_out(drawn_split, tmp_path):
    assert new_descriptions(drawn_split, "mine") == drawn_split / "descriptions/mine.csv"
    (drawn_split / "descriptions").symlink_to(tmp_path)
    with pytest.raises(BenchError, match="is a link that leads out of"):
        new_descriptions(drawn_split, "mine")


def test_scores_and_their_tables_are_of_the_same_runs(drawn_split, drawn_run, tmp_path):
    choices = {"metrics": ["psnr"], "device": "cpu"}
    score(load_split(drawn_split), [load_run(drawn_run)], tmp_path / "out", **choices)
    manifest = read_json(tmp_path / "out/score.json")
    for runs in ([], manifest["runs"] * 2, [manifest["runs"][0] | {"run": "x"}]):
        write_json(tmp_path / "out/score.json", manifest | {"runs": runs})
        assert "not of the same runs and metrics" in refused(load_scores, tmp_path / "out")
    for withheld in ({"nothing": {}}, {"psnr": {"x": "why"}}):
        write_json(tmp_path / "out/score.json", manifest | {"withheld_intervals": withheld})
        assert "not of the same runs and metrics" in refused(load_scores, tmp_path / "out")
    for name in ("../x", "a/b", "..", ""):
        runs = [manifest["runs"][0] | {"run": name}]
        write_json(tmp_path / "out/score.json", manifest | {"runs": runs})
        assert "which is not a name" in refused(load_scores, tmp_path / "out")


def test_a_published_split_has_no_frames(drawn_split):
    table = read_csv(drawn_split / "samples.csv", dtype=str)
    write_csv(drawn_split / "samples.csv", table[["sample_id", "video_id", *TIMES]])
    split = load_split(drawn_split)
    with pytest.raises(BenchError, match="is a published split, without frames"):
        split.require_frames()


TIMES = ["t_start", "t_end", "t_input", "t_target"]
