"""The authors' released data set: layout, rejections, descriptions."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import fingerprint, load_split
from egoactgen_bench.datasets.lego_release import LegoRelease
from egoactgen_bench.errors import BenchError, SampleError


def entry(**changes: Any) -> dict[str, Any]:
    usual = {
        "image_0": "clip-a/0/frame_0000000090.jpg",
        "image_1": "clip-a/0/frame_0000000111.jpg",
        "action": "fold napkin",
        "llava_forecast_finetune": "The person folds a napkin in half.",
    }
    return usual | changes


def write(folder: Path, clips: Any, part: str = "ego4d", subset: str = "val") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part}_{subset}.json"
    path.write_text(json.dumps(clips))
    return path


def one(folder: Path, changed: Any) -> ActionClip | Rejection:
    [result] = LegoRelease(write(folder, {"clip-a": {"0": changed}}), None, "val").clips()
    return result


def test_clip_of_one_entry(tmp_path: Path) -> None:
    (tmp_path / "ego4d_metadata.json").write_text('{"clip-a": {"height": 1080, "fps": 30}}')
    clip = one(tmp_path, entry())
    assert isinstance(clip, ActionClip)
    assert (clip.row, clip.sample_id, clip.video_id) == ("clip-a/0", "clip-a_0", "clip-a")
    assert (clip.action, clip.verb, clip.noun) == ("fold napkin", "", "")
    assert (clip.t_input, clip.t_target) == (3.0, 3.7)
    assert math.isnan(clip.t_start)
    assert math.isnan(clip.t_end)


@pytest.mark.parametrize("metadata", [None, "[]", '{"clip-a": {"fps": 0}}', '{"clip-a": []}'])
def test_times_are_nan_without_metadata(tmp_path: Path, metadata: str | None) -> None:
    if metadata is not None:
        (tmp_path / "ego4d_metadata.json").write_text(metadata)
    clip = one(tmp_path, entry())
    assert isinstance(clip, ActionClip)
    assert math.isnan(clip.t_input)
    assert math.isnan(clip.t_target)


@pytest.mark.parametrize(
    ("action", "label"),
    [
        ("#C C folds a napkin", "fold a napkin"),
        ("cut onion", "cut onion"),
        ("#O man A waves", "#O man A waves"),
    ],
)
def test_labels(tmp_path: Path, action: str, label: str) -> None:
    clip = one(tmp_path, entry(action=action))
    assert isinstance(clip, ActionClip)
    assert clip.action == label


@pytest.mark.parametrize(
    "changed",
    [
        "no entry",
        None,
        entry(action=""),
        entry(action=3),
        entry(action="#C C"),
        entry(image_0=None),
        entry(image_0=""),
        entry(image_1="../../secret.jpg"),
        entry(image_1="clip-a/../../../secret.jpg"),
        entry(image_1="/etc/passwd"),
        entry(image_1="C:\\secret.jpg"),
        entry(image_1="a\x00.jpg"),
    ],
)
def test_bad_entries(tmp_path: Path, changed: Any) -> None:
    result = one(tmp_path, changed)
    assert isinstance(result, Rejection)
    assert (result.row, result.reason) == ("clip-a/0", "bad_row")


def test_ids_are_unique_and_safe(tmp_path: Path) -> None:
    clips = {
        "a": {"b_c": entry(), "../d": entry()},
        "a_b": {"c": entry()},
        "..": {"x": entry()},
        "": {"x": entry()},
        "e": [entry()],
    }
    found = list(LegoRelease(write(tmp_path, clips), None, "val").clips())
    assert [(result.row, type(result).__name__) for result in found] == [
        ("a/b_c", "ActionClip"),
        ("a/../d", "Rejection"),
        ("a_b/c", "Rejection"),
        ("../x", "Rejection"),
        ("/x", "Rejection"),
        ("e", "Rejection"),
    ]


def test_repeated_clips_and_actions_are_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, {})
    one, two, three = (json.dumps(entry(action=text)) for text in ("cut", "peel", "wash"))
    first, second = f'{{"0": {one}, "0": {two}}}', f'{{"1": {three}, "0": {two}}}'
    path.write_text(f'{{"a": {first}, "b": {{"0": {one}}}, "a": {second}}}')
    found = list(LegoRelease(path, None, "val").clips())
    assert [(result.row, getattr(result, "action", "rejected")) for result in found] == [
        ("a/0", "cut"),
        ("a/0", "rejected"),
        ("b/0", "cut"),
        ("a/1", "wash"),
        ("a/0", "rejected"),
    ]


@pytest.mark.parametrize(
    ("image_1", "reason"),
    [
        ("clip-a/0/frame_0000000111.jpg", None),
        ("clip-a/0/frame_0000000090.jpg", "target_not_after_input"),
        ("clip-a/0/frame_0000000012.jpg", "target_not_after_input"),
        ("clip-a/0/target.jpg", None),
    ],
)
def test_the_target_is_after_the_input(tmp_path: Path, image_1: str, reason: str | None) -> None:
    result = one(tmp_path, entry(image_1=image_1))
    assert getattr(result, "reason", None) == reason


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = write(tmp_path, {"clip-a": {"0": entry()}})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    [clip] = LegoRelease(path, None, "val").clips()
    assert isinstance(clip, ActionClip)


@pytest.mark.parametrize(
    "videos", [None, ".", "EgoGen", "EgoGen/ego4d.fho", "EgoGen/ego4d.fho/val"]
)
def test_images_of_the_release(tmp_path: Path, videos: str | None) -> None:
    folder = tmp_path / "EgoGen/ego4d.fho/val"
    (folder / "clip-a/0").mkdir(parents=True)
    first = folder / "clip-a/0/frame_0000000090.jpg"
    second = folder / "clip-a/0/frame_0000000111.jpg"
    first.touch()
    second.touch()
    write(tmp_path, {"clip-a": {"0": entry(), "1": entry(image_1="clip-a/1/gone.jpg")}})
    reader = LegoRelease(tmp_path, None if videos is None else tmp_path / videos, "val")
    here, gone = reader.clips()
    assert isinstance(here, ActionClip)
    assert reader.locate(here) == (FrameSource(first), FrameSource(second))
    assert isinstance(gone, ActionClip)
    with pytest.raises(SampleError, match=r"missing_image: clip-a/1/gone\.jpg"):
        reader.locate(gone)


def test_descriptions_come_with_the_data(tmp_path: Path) -> None:
    clips = {
        "a": {"0": entry(), "1": entry(llava_forecast_finetune=None)},
        "b": {"0": entry(action="")},
    }
    reader = LegoRelease(write(tmp_path, clips), None, "val")
    list(reader.clips())
    text = "The person folds a napkin in half."
    assert reader.descriptions() == {"llava_forecast_finetune": {"a_0": text}}


@pytest.mark.parametrize(("part", "egovlp"), [("ego4d", "4-frame"), ("epickitchen", "16-frame")])
@pytest.mark.parametrize("below", [".", "EgoGen"])
def test_part_is_detected(tmp_path: Path, part: str, egovlp: str, below: str) -> None:
    write(tmp_path / below, {"a": {"0": entry()}}, part)
    reader = LegoRelease(tmp_path, None, "val")
    expected = {} if egovlp == "4-frame" else {"egovlp": {"clip_length": egovlp}}
    assert reader.metric_defaults == expected
    assert reader.split_name == f"lego-release-{part}-val"
    assert reader.recipe()["part"] == part


def test_one_of_two_parts_must_be_chosen(tmp_path: Path) -> None:
    write(tmp_path, {"a": {"0": entry()}}, "ego4d")
    path = write(tmp_path, {"a": {"0": entry()}, "b": {"0": entry()}}, "epickitchen")
    with pytest.raises(BenchError, match=r"ego4d_val\.json and epickitchen_val\.json: pass one"):
        list(LegoRelease(tmp_path, None, "val").clips())
    assert len(list(LegoRelease(path, None, "val").clips())) == 2
    sentence = "contains the subset 'val', not 'train': pass --subset val"
    with pytest.raises(BenchError, match=sentence):
        list(LegoRelease(path, None, "train").clips())


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("ego4d_val.json", '{"a": {"0"', r"ego4d_val\.json is not readable JSON"),
        ("ego4d_val.json", "[]", "expected an object of clips"),
        ("mine.json", "{}", r"mine\.json is not the name of a released file"),
    ],
)
def test_wrong_file_is_refused(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BenchError, match=sentence):
        list(LegoRelease(tmp_path / name, None, "val").clips())


def test_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        BenchError, match=r"contains neither ego4d_val\.json nor epickitchen_val\.json"
    ):
        list(LegoRelease(tmp_path, None, "val").clips())


def test_prepared_split_keeps_the_released_pixels(tmp_path: Path, bench: Any) -> None:
    folder = tmp_path / "data/EgoGen/epickitchen/val/clip-a/0"
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (2, 90, 161, 3), dtype=np.uint8)
    names = [Path(entry()[key]).name for key in ("image_0", "image_1")]
    for name, pixels in zip(names, noise, strict=True):
        Image.fromarray(pixels).save(folder / name)
    write(tmp_path / "data", {"clip-a": {"0": entry()}}, "epickitchen")
    done = bench("prepare-splits", "lego-release", "--annotations", tmp_path / "data")
    assert done.status == 0, done.err
    split = load_split(tmp_path / "workspace/splits/lego-release-epickitchen-val")
    [sample] = split.samples.to_dict("records")
    for name, column in zip(names, ("input_frame", "target_frame"), strict=True):
        with (
            Image.open(folder / name) as released,
            Image.open(split.folder / sample[column]) as kept,
        ):
            assert kept.format == "PNG"
            assert np.array_equal(np.asarray(kept), np.asarray(released.convert("RGB")))
    assert math.isnan(sample["t_start"])
    assert fingerprint(split.samples) == split.fingerprint
    assert split.manifest.egovlp == "16-frame"
    texts = load_descriptions(split.folder, "llava_forecast_finetune").texts
    assert texts == {"clip-a_0": "The person folds a napkin in half."}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(
    entries=st.dictionaries(
        st.text(), VALUES | st.dictionaries(st.text(), VALUES | st.just(entry())), max_size=3
    ),
    changes=st.dictionaries(st.sampled_from(sorted(entry())), VALUES),
    metadata=VALUES,
)
def test_any_json_yields_a_clip_or_a_rejection(
    entries: dict[str, Any], changes: dict[str, Any], metadata: Any
) -> None:
    reader = LegoRelease(None, None, "val")
    reader.__dict__["_entries"] = entries | {"clip-a": {"0": entry(**changes)}}
    reader.__dict__["_metadata"] = {"clip-a": metadata}
    for result in reader.clips():
        assert isinstance(result, ActionClip | Rejection)
