"""Ego4D FHO: actions, rejections, splits, videos and clips."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from ego4d_annotations import CLIP, UID, action, interval, video, write_main
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.datasets.ego4d import Ego4D
from egoactgen_bench.errors import BenchError, SampleError


def write_splits(folder: Path, **splits: Any) -> Path:
    videos = [
        {"video_uid": uid, "split_fho": split, "redacted_intervals": None}
        for uid, split in splits.items()
    ]
    path = folder / "ego4d.json"
    path.write_text(json.dumps({"videos": videos}))
    return path


def results(folder: Path, *videos: Any) -> list[ActionClip | Rejection]:
    return list(Ego4D(write_main(folder, *videos), None, "val").clips())


def one(folder: Path, changed: Any, **interval_changes: Any) -> ActionClip | Rejection:
    [result] = results(folder, video(interval(changed, **interval_changes)))
    return result


def test_clip_of_one_action(tmp_path: Path) -> None:
    assert one(tmp_path, action()) == ActionClip(
        row="action-1",
        sample_id=f"{UID}_3101",
        dataset="ego4d",
        video_id=UID,
        action="fold a napkin",
        verb="fold",
        noun="napkin_(cloth)",
        t_start=100.0,
        t_end=108.0,
        t_input=3080 / 30,
        t_target=3101 / 30,
    )


FRAMES = {"pre_15": 3080, "pnr_frame": 3101}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_rejected": True, "reject_reason": "blurred"}, "invalid_action"),
        ({"is_invalid_annotation": True}, "invalid_action"),
        ({"is_valid_action": False}, "invalid_action"),
        ({"is_rejected": "no"}, "bad_row"),
        ({"narration_text": "#O man A folds a napkin"}, "not_camera_wearer"),
        ({"narration_text": "#unsure"}, "not_camera_wearer"),
        ({"narration_text": None}, "bad_row"),
        ({"narration_text": "#C C "}, "bad_row"),
        ({"narration_text": "#C C folds \x00"}, "bad_row"),
        ({"critical_frames": None}, "no_pre15"),
        ({"critical_frames": {"pnr_frame": 3101}}, "no_pre15"),
        ({"critical_frames": {"pre_15": 3080}}, "no_pnr"),
        ({"critical_frames": FRAMES | {"pnr_frame": None}}, "no_pnr"),
        ({"critical_frames": FRAMES | {"pnr_frame": 3080}}, "target_not_after_input"),
        ({"critical_frames": FRAMES | {"pnr_frame": 3000}}, "target_not_after_input"),
        ({"critical_frames": FRAMES | {"pre_15": -1}}, "input_before_start"),
        ({"critical_frames": FRAMES | {"pnr_frame": 18000}}, "target_after_end"),
        ({"critical_frames": FRAMES | {"pnr_frame": "3101"}}, "bad_row"),
        ({"critical_frames": FRAMES | {"pnr_frame": 3101.5}}, "bad_row"),
        ({"critical_frames": FRAMES | {"pnr_frame": True}}, "bad_row"),
        ({"critical_frames": FRAMES | {"pnr_frame": 10**12}}, "bad_row"),
        ({"critical_frames": [3080, 3101]}, "bad_row"),
        ({"start_sec": None}, "bad_row"),
        ({"end_sec": 100.0}, "bad_row"),
        ({"end_sec": "108"}, "bad_row"),
    ],
)
def test_rejections(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    result = one(tmp_path, action(**changes))
    assert isinstance(result, Rejection)
    assert (result.row, result.reason) == ("action-1", reason)
    assert result.detail


def test_redacted_interval(tmp_path: Path) -> None:
    result = one(tmp_path, action(), redacted=True)
    assert isinstance(result, Rejection)
    assert result.reason == "redacted"


@pytest.mark.parametrize(
    "changes",
    [
        {"is_valid_action": None, "is_rejected": None, "is_invalid_annotation": None},
        {"is_partial": True},
        {"critical_frames": {"pre_15": 3080.0, "pnr_frame": 3101}},
        {"clip_critical_frames": None},
        {"critical_frames": {"pre_15": 0, "pnr_frame": 17999}},
    ],
)
def test_valid_actions_are_kept(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert isinstance(one(tmp_path, action(**changes)), ActionClip)


def test_verb_and_noun_fall_back(tmp_path: Path) -> None:
    boxes = [
        {"object_type": "left_hand", "structured_noun": "hand"},
        {"object_type": "object_of_change", "structured_noun": "[other]", "freeform_noun": "wok"},
    ]
    changes: dict[str, Any] = {"frames": [{"boxes": None}, {"boxes": boxes}]}
    freeform = one(tmp_path, action(structured_verb=None, freeform_verb="crease", **changes))
    assert isinstance(freeform, ActionClip)
    assert (freeform.verb, freeform.noun) == ("crease", "wok")
    bare = one(tmp_path, action(structured_verb=None, frames=None))
    assert isinstance(bare, ActionClip)
    assert (bare.verb, bare.noun) == ("fold", "")


def test_ids_are_unique_and_safe(tmp_path: Path) -> None:
    found = results(
        tmp_path,
        video(interval(action(uid=None), action(uid=None), action(uid="../up"))),
        video(interval(action(uid="other")), video_uid="../../etc"),
        video(interval(action(uid=None)), video_uid="a/b"),
        video(interval(action(uid="long")), video_uid="x" * 126),
        "no video",
        video("no interval", interval("no action"), video_uid="odd"),
    )
    assert [(r.row, getattr(r, "sample_id", getattr(r, "reason", None))) for r in found] == [
        (f"{UID}:0:0", f"{UID}_3101"),
        (f"{UID}:0:1", f"{UID}_3101-2"),
        (f"{UID}:0:2", f"{UID}_3101-3"),
        ("other", "bad_row"),
        ("videos[2]:0:0", "bad_row"),
        ("long", "bad_row"),
        ("videos[4]", "bad_row"),
        ("odd:0", "bad_row"),
        ("odd:1:0", "bad_row"),
    ]


@pytest.mark.parametrize("place", ["v2/annotations", "v2", "."])
@pytest.mark.parametrize("named", ["v2/annotations/fho_main.json", "v2/annotations", "."])
def test_ego4d_json_is_found_in_folders_above(tmp_path: Path, place: str, named: str) -> None:
    write_main(
        tmp_path,
        *(video(interval(action()), video_uid=uid) for uid in ("a", "b", "c", "d")),
    )
    write_splits(tmp_path / place, a="train", b="val", c=None, d="multi")
    for subset, uid in (("val", "b"), ("train", "a")):
        reader = Ego4D(tmp_path / named, None, subset)  # type: ignore[arg-type]
        assert [clip.sample_id for clip in reader.clips()] == [f"{uid}_3101"]  # type: ignore[union-attr]
        assert reader.notices() == ["2 videos are left out: they are not in any FHO split."]
        assert reader.video_durations() == {uid: 600.0}
    assert sorted(reader.recipe()["annotations"]) == ["ego4d.json", "fho_main.json"]


def test_all_videos_are_val_without_ego4d_json(tmp_path: Path) -> None:
    path = write_main(tmp_path, video(interval(action())))
    reader = Ego4D(path, None, "val")
    assert len(list(reader.clips())) == 1
    assert "all videos are taken as val" in reader.notices()[0]
    with pytest.raises(BenchError, match=r"'train' needs ego4d\.json"):
        list(Ego4D(path, None, "train").clips())


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [(102.0, 103.0, False), (103.3, 110.0, False), (0.0, 102.0, True), (102.7, 103.3, True)],
)
def test_redacted_passages(tmp_path: Path, start: float, end: float, kept: bool) -> None:
    """The frames are at 102.67 s and 103.37 s."""
    path = write_main(tmp_path, video(interval(action())))
    entry = {"video_uid": UID, "split_fho": "val"}
    entry["redacted_intervals"] = [{"start_sec": start, "end_sec": end}]  # type: ignore[assignment]
    (tmp_path / "ego4d.json").write_text(json.dumps({"videos": [entry]}))
    [result] = Ego4D(path, None, "val").clips()
    assert isinstance(result, ActionClip) == kept
    assert kept or result.reason == "redacted"  # type: ignore[union-attr]


def test_unreadable_redaction_is_refused(tmp_path: Path) -> None:
    path = write_main(tmp_path, video(interval(action())))
    entry = {"video_uid": UID, "split_fho": "val", "redacted_intervals": [{"start_sec": 1}]}
    (tmp_path / "ego4d.json").write_text(json.dumps({"videos": [entry]}))
    with pytest.raises(BenchError, match=r"ego4d\.json is not Ego4D's list of videos"):
        list(Ego4D(path, None, "val").clips())


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


FILES = {
    "full_scale": f"v2/full_scale/{UID}.mp4",
    "flat": f"{UID}.mp4",
    "video_540ss": f"v2/video_540ss/{UID}.MP4",
    "clips": f"v2/clips/{CLIP}.mp4",
}


@pytest.mark.parametrize("absent", range(4))
def test_sources_in_order_of_preference(tmp_path: Path, absent: int) -> None:
    present = list(FILES)[absent:]
    for source in present:
        touch(tmp_path / "videos" / FILES[source])
    main = write_main(tmp_path, video(interval(action())))
    reader = Ego4D(main, tmp_path / "videos", "val")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    path = tmp_path / "videos" / FILES[present[0]]
    first, second = (80, 101) if present == ["clips"] else (3080, 3101)
    assert reader.locate(clip) == (FrameSource(path, first / 30), FrameSource(path, second / 30))
    assert (clip.t_input, clip.t_target) == (3080 / 30, 3101 / 30)
    assert reader.recipe()["sources"] == present


def test_videos_may_be_the_folder_of_the_files(tmp_path: Path) -> None:
    main = write_main(tmp_path, video(interval(action())))
    for place in (f"full_scale/{UID}.mp4", f"clips/{CLIP}.mp4"):
        path = touch(tmp_path / place)
        reader = Ego4D(main, path.parent, "val")
        [clip] = reader.clips()
        assert isinstance(clip, ActionClip)
        assert reader.locate(clip)[0].path == path


@pytest.mark.parametrize(
    ("action_changes", "interval_changes", "expected"),
    [
        ({"clip_critical_frames": None}, {}, (80, 101)),
        ({"clip_critical_frames": {"pre_15": 79, "pnr_frame": None}}, {}, (79, 101)),
        ({"clip_critical_frames": None}, {"clip_parent_start_frame": None}, "no_clip_frame"),
        ({"clip_critical_frames": None}, {"clip_parent_start_frame": 3090}, "no_clip_frame"),
        ({}, {"clip_uid": None}, "missing_video"),
        ({}, {"clip_uid": "../clip"}, "missing_video"),
    ],
)
def test_frames_in_clips(
    tmp_path: Path,
    action_changes: dict[str, Any],
    interval_changes: dict[str, Any],
    expected: tuple[int, int] | str,
) -> None:
    path = touch(tmp_path / f"clips/{CLIP}.mp4")
    main = write_main(tmp_path, video(interval(action(**action_changes), **interval_changes)))
    reader = Ego4D(main, tmp_path, "val")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    if isinstance(expected, str):
        with pytest.raises(SampleError, match=expected):
            reader.locate(clip)
    else:
        times = [number / 30 for number in expected]
        assert reader.locate(clip) == tuple(FrameSource(path, time) for time in times)


def test_prepare_from_a_real_clip(shared: Path, tmp_path: Path, bench: Any) -> None:
    """A 2-second clip as `clips/<clip_uid>.mp4`: the split has its frames 10 and 45."""
    source = shared / "data/ego4d/3c0dffd0-e38e-4643-bc48-d513943dc20b_012_014.mp4"
    (tmp_path / "v2/clips").mkdir(parents=True)
    (tmp_path / f"v2/clips/{CLIP}.mp4").symlink_to(source)
    kept = action(clip_critical_frames={"pre_15": 10, "pnr_frame": 45})
    late = action(uid="late", clip_critical_frames={"pre_15": 10, "pnr_frame": 75})
    write_main(tmp_path, video(interval(kept, late)))
    done = bench("prepare-splits", "ego4d", "--annotations", tmp_path, "--videos", tmp_path / "v2")
    split = load_split(tmp_path / "workspace/splits/ego4d-val")
    assert done.status == 1, done.err
    [sample] = split.samples.to_dict("records")
    assert (sample["sample_id"], sample["width"], sample["height"]) == (f"{UID}_3101", 384, 288)
    assert split.manifest.counts.by_reason == {"target_after_end": 1}
    with av.open(source) as container:
        frames = [
            np.asarray(f.to_image().resize((342, 256)), float) for f in container.decode(video=0)
        ]
    for role, number in (("input", 10), ("target", 45)):
        with Image.open(split.folder / sample[f"{role}_frame"]) as image:
            stored = np.asarray(image, float)
        differences = [np.abs(stored - frame).mean() for frame in frames]
        assert np.argmin(differences) == number
        assert differences[number] < 2
