"""boxes.csv: written from annotations, added to a finished split, checked when read."""

import json
from pathlib import Path

import pytest

from drawn_dataset import Drawn
from drawn_split import write_drawn_split
from egoactgen_bench import load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.verify import verify
from egoactgen_bench.support.files import read_csv

HEADER = "sample_id,frame,kind,x,y,width,height\n"


def own_boxes(path: Path, sample_ids, **boxes) -> Path:
    """The project's own format, with the same boxes for each sample."""
    usual = {"during": [{"name": "left hand", "box": [0.25, 0.5, 0.5, 0.75]}]}
    path.write_text(json.dumps(dict.fromkeys(sample_ids, usual | boxes)))
    return path


def test_boxes_are_added_to_a_finished_split(make, tmp_path):
    before = make().split
    manifest = (before.folder / "split.json").read_bytes()
    assert before.boxes() == {} and not (before.folder / "boxes.csv").exists()
    ids = before.samples["sample_id"].tolist()
    path = own_boxes(tmp_path / "own.json", ids[:2])
    done = make(boxes=path)
    assert done.already_complete
    assert done.split.manifest.boxes.model_dump() == {"source": "own.json", "samples": 2}
    fingerprints = ("fingerprint", "frames_fingerprint", "recipe")
    for name in fingerprints:
        assert getattr(done.split.manifest, name) == getattr(before.manifest, name)
    loaded = load_split(before.folder)
    width, height = 64 * done.split.samples["width"][0] / done.split.samples["height"][0], 64
    assert list(loaded.boxes()) == ids
    assert loaded.boxes()[ids[2]] == {"input": [], "target": []}
    (box,) = loaded.boxes()[ids[0]]["target"]
    assert box == {
        "kind": "left_hand",
        "x": pytest.approx(width / 4, abs=0.5),
        "y": height / 2,
        "width": pytest.approx(width / 4, abs=0.5),
        "height": height / 4,
    }
    assert verify(before.folder) == []
    # Without --boxes they stay; they can be replaced, and disappear only with the split.
    assert make().split.manifest.boxes == done.split.manifest.boxes
    assert make(boxes=own_boxes(path, ids)).split.manifest.boxes.samples == len(ids)
    overwritten = make(overwrite=True).split
    assert overwritten.boxes() == {} and verify(before.folder) == []
    assert (before.folder / "split.json").read_bytes() == manifest


def test_boxes_stay_when_failed_samples_are_tried_again(make, videos, tmp_path):
    path = next(videos.rglob("*.png"))
    content = path.read_bytes()
    path.write_bytes(b"")
    first = make()
    assert first.failures
    ids = first.split.samples["sample_id"].tolist()
    make(boxes=own_boxes(tmp_path / "own.json", ids))
    path.write_bytes(content)
    again = make().split
    assert len(again.samples) > len(ids) == again.manifest.boxes.samples
    assert verify(again.folder) == []


def test_boxes_that_fit_no_sample_or_no_frame_are_refused(make, tmp_path):
    with pytest.raises(BenchError, match=r"own\.json has no hands or objects of any sample"):
        make(boxes=own_boxes(tmp_path / "own.json", ["other"]))
    with pytest.raises(BenchError, match=r"--boxes .*absent does not exist"):
        make(boxes=tmp_path / "absent")
    with pytest.raises(BenchError, match="--times-only does not store"):
        make(boxes=tmp_path / "own.json", times_only=True)


def test_a_data_sets_annotations_give_its_boxes(make, tmp_path, monkeypatch):
    before = make().split
    path = own_boxes(tmp_path / "annotated.json", before.samples["sample_id"])
    monkeypatch.setattr(Drawn, "boxes_path", lambda self: path)
    done = make()
    assert done.already_complete and done.split.manifest.boxes.source == "annotated.json"


def test_boxes_of_the_toy_kitchen_have_all_kinds_it_draws(bench, tmp_path):
    assert bench("prepare-splits", "--limit", 4).status == 0
    table = read_csv(tmp_path / "workspace/splits/toy-kitchen/boxes.csv")
    assert set(table["kind"]) == {"left_hand", "right_hand", "object"}
    assert set(table["frame"]) == {"input", "target"}
    assert table["sample_id"].nunique() == 4


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("V09_9,target,object,1,1,9,9\n", "row 2: sample_id 'V09_9' is not among the samples"),
        ("V00_0,output,object,1,1,9,9\n", "frame 'output' is not among input, target"),
        ("V00_0,target,foot,1,1,9,9\n", "kind 'foot' is not among left_hand, right_hand, object"),
        ("V00_0,target,object,1,1,9,9\nV00_0,target,tool,x,1,9,9\n", "x has a cell that is not a"),
        ("V00_0,target,object,nan,1,9,9\n", "x has a cell that is not a number"),
        ("V00_0,target,object,1,,9,9\n", "y has a cell that is empty or not finite"),
        ("V00_0,target,object,1,1,1e999,9\n", "width has a cell that is empty or not finite"),
        ("V00_0,target,object,1,1,-9,9\n", "row 2: a box has the size -9 × 9"),
        ("V00_0,target,object,1,1,9,0\n", "row 2: a box has the size 9 × 0"),
        ("V00_0,target,object,90,1,9,9\n", "exceeds its frame of 96 × 64 pixels"),
        ("V00_0,target,object,-1.5,1,9,9\n", "exceeds its frame of 96 × 64 pixels"),
        ("V00_0,target,object,1\n", "boxes.csv"),
    ],
)
def test_an_invalid_table_is_one_sentence(bench, drawn_split, rows, sentence):
    (drawn_split / "boxes.csv").write_text(HEADER + rows)
    result = bench("score", "--reference", "copy-input", "--metrics", "psnr")
    assert result.status == 2
    (line,) = (each for each in result.err.splitlines() if not each.startswith("score: "))
    assert sentence in line and "boxes.csv" in line


def test_columns_may_stand_next_to_the_expected_ones_but_none_may_lack(tmp_path):
    split = load_split(write_drawn_split(tmp_path / "drawn-val", count=2))
    path = split.folder / "boxes.csv"
    path.write_text("note,sample_id,frame,kind,x,y,width,height\nx,V00_0,target,tool,-1,0,97,65\n")
    assert split.boxes()["V00_0"]["target"][0]["width"] == 97
    path.write_text("sample_id,frame,kind,x,y,width\nV00_0,target,tool,1,1,9\n")
    with pytest.raises(BenchError, match="height"):
        split.boxes()
    path.write_text("")
    with pytest.raises(BenchError, match="lacks"):
        split.boxes()


def test_a_changed_table_is_named_by_verify(make, tmp_path):
    split = make().split
    make(boxes=own_boxes(tmp_path / "own.json", split.samples["sample_id"]))
    path = split.folder / "boxes.csv"
    path.write_bytes(path.read_bytes().replace(b"left", b"right"))
    assert verify(split.folder) == ["boxes.csv: differs from its recorded sha256"]
    path.unlink()
    assert verify(split.folder) == ["boxes.csv: is missing"]
