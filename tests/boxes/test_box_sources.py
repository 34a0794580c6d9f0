"""Hands and objects of samples: Ego4D's, EPIC's detections, VISOR's, one's own."""

import json
import pickle

import pytest

from egoactgen_bench.boxes.box_sources import read_boxes
from egoactgen_bench.boxes.epic_detections import _message
from egoactgen_bench.boxes.named_boxes import Box, Boxes
from egoactgen_bench.boxes.pickled_bytes import read_bytes_list
from egoactgen_bench.errors import BenchError


def sample(sample_id, video, t_start, t_input, t_target):
    return {
        "sample_id": sample_id,
        "video_id": video,
        "t_start": t_start,
        "t_input": t_input,
        "t_target": t_target,
    }


def ego4d_box(kind, x, y, width, height, noun=None):
    bbox = {"x": x, "y": y, "width": width, "height": height}
    return {"object_type": kind, "bbox": bbox, "structured_noun": noun}


def test_boxes_of_ego4d(tmp_path):
    def action(start, pnr, *frames):
        return {
            "start_sec": start,
            "critical_frames": {"pre_15": pnr - 20, "pnr_frame": pnr},
            "frames": [{"frame_type": role, "boxes": boxes} for role, boxes in frames],
        }

    drawer = ego4d_box("object_of_change", 100, 50, 100, 50, "drawer_(cabinet,_desk)")
    left, broken = ego4d_box("left_hand", -10, 50, 60, 100), {"object_type": "tool"}
    actions = [
        action(1.0, 90, ("pre_15", [left, broken]), ("pnr_frame", [drawer])),
        action(2.0, 90, ("pre_15", [drawer]), ("post_frame", [left])),
        action(3.0, 300, ("pre_15", None)),
        {"critical_frames": None},
    ]
    video = {
        "video_uid": "u",
        "video_metadata": {"width": 400, "height": 200},
        "annotated_intervals": [{"narrated_actions": actions}],
    }
    path = tmp_path / "fho_main.json"
    path.write_text(json.dumps({"videos": [{"video_uid": "other"}, video]}))
    samples = [sample(f"u_{i}", "u", i, 0, (90, 90, 300)[i - 1] / 30) for i in (1, 2, 3)]
    found = dict(read_boxes(path, samples))
    assert found == {
        "u_1": Boxes(
            (Box("left hand", (0, 0.25, 0.125, 0.75), "left_hand"),),
            (Box("drawer", (0.25, 0.25, 0.5, 0.5), "object"),),
        ),
        "u_2": Boxes((Box("drawer", (0.25, 0.25, 0.5, 0.5), "object"),), ()),
    }


def detections(number, *hands, objects=()):
    frame = _message()(video_id="P01_101", frame_number=number)
    for side, state, score, edges in hands:
        hand = frame.hands.add(side=side, state=state, score=score)
        fill(hand.bbox, edges)
        hand.object_offset.x = 0.25
    for score, edges in objects:
        fill(frame.objects.add(score=score).bbox, edges)
    return frame.SerializeToString()


def fill(box, edges):
    box.left, box.top, box.right, box.bottom = edges


def test_boxes_of_epics_detections(tmp_path):
    near, far = (0.5, 0.25, 0.75, 0.5), (0.0, 0.0, 0.125, 0.125)
    frames = [
        detections(51, (0, 3, 0.9, (0.25, 0.25, 0.5, 0.5)), objects=[(0.9, far), (0.8, near)]),
        detections(101, (1, 0, 0.9, (0.5, 0.5, 1, 1)), (1, 0, 0.6, far), (0, 0, 0.2, far)),
    ]
    folder = tmp_path / "P01"
    folder.mkdir()
    (folder / "P01_101.pkl").write_bytes(pickle.dumps(frames))
    found = dict(read_boxes(tmp_path, [sample("a", "P01_101", 0, 1.0, 2.01)]))
    assert found == {
        "a": Boxes(
            (
                Box("left hand", (0.25, 0.25, 0.5, 0.5), "left_hand"),
                Box("object in the left hand", near, "object"),
            ),
            (Box("right hand", (0.5, 0.5, 1, 1), "right_hand"),),
        )
    }
    # Videos of the first release were extracted at 60 frames per second: the frames are earlier.
    (folder / "P01_101.pkl").rename(folder / "P01_11.pkl")
    found = dict(read_boxes(tmp_path, [sample("a", "P01_11", 0, 0.1, 50 / 60)]))
    assert found["a"].before == ()
    assert found["a"].during[0].name == "left hand"


class Attack:
    def __reduce__(self):
        import os

        return os.system, ("false",)


@pytest.mark.parametrize("content", [pickle.dumps([Attack()]), b"junk", pickle.dumps([b"\xff"])])
def test_invalid_detections_are_refused(tmp_path, content):
    (tmp_path / "P01_101.pkl").write_bytes(content)
    with pytest.raises(BenchError, match="contains no readable hand-object detections"):
        list(read_boxes(tmp_path, [sample("a", "P01_101", 0, 1.0, 2.0)]))


def test_a_detections_pickle_cannot_fill_the_memory(tmp_path):
    """Python's unpickler would allocate 16 GB, and 4 TB, for these."""
    for content in (
        b"\x80\x04]r\xff\xff\xff\x7f0.",
        b"\x80\x05\x96" + (1 << 42).to_bytes(8, "little") + b".",
        b"\x80\x04\x8e" + (1 << 42).to_bytes(8, "little") + b"x.",
    ):
        path = tmp_path / "P01_101.pkl"
        path.write_bytes(content)
        with pytest.raises(BenchError, match="contains no readable hand-object detections"):
            list(read_boxes(tmp_path, [sample("a", "P01_101", 0, 1.0, 2.0)]))


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("dumps", [pickle.dumps, pickle._dumps])
def test_pickled_lists_of_bytes_are_read_as_python_reads_them(tmp_path, protocol, dumps):
    entries = [b"x" * 9, b"y" * 300, b"x" * 9, *[b""] * 1500]
    (tmp_path / "x.pkl").write_bytes(dumps([*entries, entries[1]], protocol))
    assert read_bytes_list(tmp_path / "x.pkl") == [*entries, entries[1]]


def test_boxes_around_visors_segments(tmp_path):
    def frame(number, *entries):
        annotations = [{"name": name, "segments": segments} for name, segments in entries]
        image = {"name": f"P01_101_frame_{number:010d}.jpg", "video": "P01_101"}
        return {"image": image, "annotations": annotations}

    mug = [[[192, 108], [384, 540], [200, 300]], [[960, 540], [300, 200], [800, 500]]]
    (tmp_path / "P01_101.json").write_text(
        json.dumps({"video_annotations": [frame(101, ("mug", mug), ("lid", [[]]))]})
    )
    thumb = [[[0, 0], [427, 0], [427, 240]]]
    (tmp_path / "P01_101_interpolations.json").write_text(
        json.dumps({"video_annotations": [frame(56, ("left hand", thumb))]})
    )
    found = dict(read_boxes(tmp_path, [sample("a", "P01_101", 0, 1.0, 2.0)]))
    assert found == {
        "a": Boxes(
            (Box("left hand", (0, 0, 0.5, 0.5), "left_hand"),),
            (Box("mug", (0.1, 0.1, 0.5, 0.5)),),
        )
    }
    (tmp_path / "P01_101.json").write_text("{}")
    with pytest.raises(BenchError, match="not a VISOR file"):
        list(read_boxes(tmp_path, [sample("a", "P01_101", 0, 1.0, 2.0)]))


def visor(*entries):
    """A VISOR file of frame 101, whose segments are squares; entries are its other fields."""
    square = [[[0, 0], [960, 0], [960, 540]]]
    annotations = [{"segments": square} | entry for entry in entries]
    image = {"name": "P01_101_frame_0000000101.jpg"}
    return json.dumps({"video_annotations": [{"image": image, "annotations": annotations}]})


@pytest.mark.parametrize(
    ("noun", "action", "kinds"),
    [
        (
            "board:chopping",
            "cut onion",
            {"chopping boards": "object", "knife": "tool", "onion": "tool"},
        ),
        ("onion", "cut onion", {"onion": "object", "knife": "tool"}),
        ("salt", "add salt onto onion", {"onion": "object", "knife": "tool"}),
        ("salt", "add salt", {"knife": "object"}),
    ],
)
def test_kinds_of_visors_segments(tmp_path, noun, action, kinds):
    """The noun's object, else those of the label, else those in contact with a hand."""
    names = ("knife", "onion", "chopping boards", "tap")
    others = [{"name": name, "id": name * 2, "class_id": 5} for name in names]
    hands = [
        {"name": "right hand", "id": "h", "in_contact_object": "knifeknife"},
        {"name": "left glove", "class_id": 303, "in_contact_object": "none-of-the-above"},
        {"name": "glove", "on_which_hand": ["right hand"], "in_contact_object": "inconclusive"},
        {"name": "glove", "on_which_hand": None},
    ]
    (tmp_path / "P01_101.json").write_text(visor(*others, *hands))
    wanted = sample("a", "P01_101", 0, 2.0, 2.0) | {"noun": noun, "action": action}
    boxes = dict(read_boxes(tmp_path, [wanted]))["a"].during
    assert {box.name: box.kind for box in boxes[:4]} == dict.fromkeys(names) | kinds
    assert [box.kind for box in boxes[4:]] == ["right_hand", "left_hand", "right_hand", None]


def test_own_boxes_may_name_their_kind(tmp_path):
    own = tmp_path / "boxes.json"
    entries = [
        {"name": "left_hand", "box": [0, 0, 1, 1]},
        {"name": "knife", "box": [0, 0, 1, 1], "kind": "tool"},
        {"name": "mug", "box": [0, 0, 1, 1]},
    ]
    own.write_text(json.dumps({"a": {"during": entries}}))
    found = dict(read_boxes(own, [sample("a", "v", 0, 0, 0)]))["a"].during
    assert [box.kind for box in found] == ["left_hand", "tool", "object"]
    own.write_text(json.dumps({"a": {"during": [entries[0] | {"kind": "foot"}]}}))
    with pytest.raises(BenchError, match="kind 'foot' is not one of left_hand, right_hand"):
        list(read_boxes(own, [sample("a", "v", 0, 0, 0)]))


@pytest.mark.parametrize("broken", [5, "x", {"a": 1}, [5], [{"frame_type": []}], None])
def test_invalid_boxes_of_ego4d_are_skipped(tmp_path, broken):
    mug = ego4d_box("object_of_change", 0, 0, 50, 50, "mug")
    frames = [
        {"frame_type": "pre_15", "boxes": broken},
        {"frame_type": "pnr_frame", "boxes": [mug]},
    ]
    action = {"start_sec": 1.0, "critical_frames": {"pnr_frame": 90}}
    actions = [
        action | {"frames": frames},
        action | {"start_sec": 2.0, "frames": broken},
        action | {"start_sec": broken},
    ]
    video = {
        "video_uid": "u",
        "video_metadata": {"width": 100, "height": 100},
        "annotated_intervals": [{"narrated_actions": actions}],
    }
    odd = {"video_uid": "u", "video_metadata": broken, "annotated_intervals": broken}
    (tmp_path / "fho_main.json").write_text(json.dumps({"videos": [video, odd]}))
    samples = [sample(f"u_{start}", "u", start, 0, 3.0) for start in (1, 2)]
    samples += [sample("released", "u", float("nan"), float("nan"), float("nan"))]
    found = dict(read_boxes(tmp_path / "fho_main.json", samples))
    assert found == {"u_1": Boxes((), (Box("mug", (0, 0, 0.5, 0.5), "object"),))}


def test_sources_without_boxes_are_refused(tmp_path):
    with pytest.raises(BenchError, match="neither detections"):
        list(read_boxes(tmp_path, []))
    with pytest.raises(BenchError, match="absent do not exist"):
        list(read_boxes(tmp_path / "absent", []))
    own = tmp_path / "boxes.json"
    own.write_text('{"a": {"before": [{"name": "x"}]}}')
    with pytest.raises(BenchError, match="boxes of a are invalid"):
        list(read_boxes(own, [sample("a", "v", 0, 0, 0)]))


def test_templates_without_boxes_are_refused(bench, drawn_split):
    result = bench("lego", "curate", "--templates")
    assert result.status == 2
    assert "--templates needs --boxes FILE" in result.err
    assert not (drawn_split / "instructions").exists()
