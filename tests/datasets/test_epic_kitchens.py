"""EPIC-KITCHENS-100: rows and rejections."""

import csv
from pathlib import Path

import pytest

from egoactgen_bench.api.records import ActionClip, Rejection
from egoactgen_bench.datasets.epic_kitchens import EpicKitchens
from egoactgen_bench.datasets.epic_videos import VALIDATION_VIDEOS
from egoactgen_bench.errors import BenchError
from epic_rows import epic_dataset, epic_row


def one(folder: Path, line: str) -> ActionClip | Rejection:
    [result] = epic_dataset(folder, line).clips()
    return result


def test_real_validation_set_exactly(shared: Path) -> None:
    reader = EpicKitchens(shared / "data/epic/EPIC_100_validation.csv", None, "val")
    results = list(reader.clips())
    kept = [result for result in results if isinstance(result, ActionClip)]
    rejected = [result for result in results if isinstance(result, Rejection)]
    assert (len(results), len(kept), len(rejected)) == (9668, 9658, 10)
    assert {rejection.reason for rejection in rejected} == {"input_before_start"}
    assert [rejection.row for rejection in rejected[:2]] == ["P01_11_0", "P03_26_0"]
    times = [
        (clip.sample_id, clip.video_id, clip.t_start, clip.t_end, clip.t_input, clip.t_target)
        for clip in (kept[0], kept[9], kept[-1])
    ]
    assert times == [
        ("P01_11_1", "P01_11", 1.56, 2.45, 1.31, 2.094),
        ("P01_11_107", "P01_11", 357.26, 359.66, 357.01, 358.7),
        ("P32_10_9", "P32_10", 129.98, 145.73, 129.73, 139.43),
    ]
    durations = reader.video_durations()
    ids = reader.downloader_ids(kept)
    assert len(ids) == 138
    assert sum(durations[video_id] for video_id in ids) == pytest.approx(13.204022 * 3600, abs=0.01)


def test_subset_is_found_in_a_folder(shared: Path) -> None:
    reader = EpicKitchens(shared / "data/epic", None, "val")
    assert sum(1 for _ in reader.clips()) == 9668
    digest = reader.recipe()["annotations"]["EPIC_100_validation.csv"]
    assert digest == "35f7932ba0a1127a96cac215a98d35398946f343e3cea9ad6688ed17eee9d75d"
    with pytest.raises(BenchError, match=r"EPIC_100_train\.csv does not exist"):
        list(EpicKitchens(shared / "data/epic", None, "train").clips())


def test_numbering_rule_agrees_with_the_authors_frame_columns(shared: Path) -> None:
    """start_frame counts at the extraction rate, from 0 (published as 1 at the very start)."""
    reader = EpicKitchens(shared / "data/epic/EPIC_100_validation.csv", shared, "val")
    with (shared / "data/epic/EPIC_100_validation.csv").open(newline="") as stream:
        frames = {
            cells["narration_id"]: int(cells["start_frame"]) for cells in csv.DictReader(stream)
        }
    for clip in reader.clips():
        if isinstance(clip, ActionClip) and clip.video_id != "P01_109":
            rate = reader._frames._rate(clip.video_id)
            assert abs(frames[clip.row] - clip.t_start * rate) <= 1.01


def test_extraction_rates_agree_with_the_authors_frame_counts(shared: Path) -> None:
    reader = EpicKitchens(shared / "data/epic/EPIC_100_validation.csv", shared, "val")
    durations = reader.video_durations()
    with (shared / "data/epic/EPIC_100_frame_counts.csv").open(newline="") as stream:
        counts = {cells["video_id"]: int(cells["rgb_n_frames"]) for cells in csv.DictReader(stream)}
    known = durations.keys() & counts.keys()
    assert len(known) == 700
    for video_id in known:
        expected = durations[video_id] * reader._frames._rate(video_id)
        assert counts[video_id] == pytest.approx(expected, rel=0.011, abs=2)


def test_clip_of_one_row(tmp_path: Path) -> None:
    assert one(tmp_path, epic_row()) == ActionClip(
        row="P90_01_0",
        sample_id="P90_01_0",
        dataset="epic-kitchens",
        video_id="P90_01",
        action="fold napkin",
        verb="fold",
        noun="napkin",
        t_start=10.0,
        t_end=12.0,
        t_input=9.75,
        t_target=11.2,
    )


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        (epic_row(start="00:00:00.24"), "input_before_start", "-0.01"),
        (epic_row(start="00:00:12.00"), "bad_row", "not after"),
        (epic_row(start="00:00:13.00"), "bad_row", "not after"),
        (epic_row(start="10.0"), "bad_row", "'10.0' is not HH:MM:SS.ff"),
        (epic_row(stop=""), "bad_row", "'' is not HH:MM:SS.ff"),
        (epic_row(stop="00:61:00.00"), "bad_row", "HH:MM:SS.ff"),
        (epic_row(stop="00:00:nan"), "bad_row", "HH:MM:SS.ff"),
        (epic_row(row_id="../../etc/passwd"), "bad_row", "narration_id"),
        (epic_row(video="../P90_01"), "bad_row", "video_id"),
        (epic_row(video="P90/01"), "bad_row", "video_id"),
        (epic_row(row_id=""), "bad_row", "narration_id"),
        (epic_row(narration="  "), "bad_row", "narration is empty"),
        ("P90_01_0,P90,P90_01", "bad_row", "line 2: 3 cells, expected 15"),
        (epic_row() + ",more", "bad_row", "line 2: 16 cells"),
        (epic_row(narration='fold "napkin'), None, ""),
        ('"' + epic_row(), "bad_row", "line 2"),
    ],
)
def test_rejections(tmp_path: Path, line: str, reason: str | None, detail: str) -> None:
    result = one(tmp_path, line)
    if reason is None:
        assert isinstance(result, ActionClip)
    else:
        assert isinstance(result, Rejection)
        assert result.reason == reason
        assert detail in result.detail
        assert result.row


def test_input_exactly_at_the_start_is_kept(tmp_path: Path) -> None:
    result = one(tmp_path, epic_row(start="00:00:00.25"))
    assert isinstance(result, ActionClip)
    assert result.t_input == 0


def test_broken_rows_do_not_affect_others(tmp_path: Path) -> None:
    reader = epic_dataset(
        tmp_path,
        epic_row("a"),
        '"' + epic_row("b"),
        epic_row("c"),
        "",
        epic_row("a"),
        epic_row("d"),
    )
    path = tmp_path / "EPIC_100_validation.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\xff,\xfe\n")
    results = list(reader.clips())
    assert [(type(result).__name__, result.row) for result in results] == [
        ("ActionClip", "a"),
        ("Rejection", "line 3"),
        ("ActionClip", "c"),
        ("Rejection", "a"),
        ("ActionClip", "d"),
        ("Rejection", "line 8"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lacks the columns narration_id"),
        ("narration_id,video_id,start_timestamp,narration,verb,noun\n", "column stop_timestamp"),
        ('"broken\n', "no readable header"),
    ],
)
def test_other_csv_files_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(text)
    with pytest.raises(BenchError, match=sentence):
        list(EpicKitchens(path, None, "val").clips())


def test_annotations_are_required(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="needs --annotations"):
        list(EpicKitchens(None, None, "val").clips())
    with pytest.raises(BenchError, match="does not exist"):
        list(EpicKitchens(tmp_path / "none", None, "val").clips())


def test_file_of_the_other_subset_is_refused(tmp_path: Path) -> None:
    path = epic_dataset(tmp_path, epic_row()).annotations
    sentence = "contains the subset 'val', not 'train': pass --subset val"
    with pytest.raises(BenchError, match=sentence):
        list(EpicKitchens(path, None, "train").clips())


@pytest.mark.parametrize("name", ["EPIC_100_retrieval_train.csv", "my-train-set.csv"])
def test_files_named_after_the_other_subset_are_refused(tmp_path: Path, name: str) -> None:
    path = epic_dataset(tmp_path, epic_row()).annotations
    assert path is not None
    path = path.rename(tmp_path / name)
    with pytest.raises(BenchError, match=f"{name} contains the subset 'train', not 'val'"):
        list(EpicKitchens(path, None, "val").clips())
    assert len(list(EpicKitchens(path, None, "train").clips())) == 1


def test_videos_outside_the_validation_set_are_noticed(tmp_path: Path) -> None:
    path = epic_dataset(tmp_path, epic_row(), epic_row("P01_11_0", video="P01_11")).annotations
    assert path is not None
    reader = EpicKitchens(path.rename(tmp_path / "mine.csv"), None, "val")
    list(reader.clips())
    assert reader.notices() == [
        "1 of the 2 videos of mine.csv are not in the validation set of EPIC-KITCHENS-100: if "
        "these are training annotations, pass --subset train."
    ]


def test_the_list_of_validation_videos(shared: Path) -> None:
    reader = EpicKitchens(shared / "data/epic/EPIC_100_validation.csv", None, "val")
    videos = {clip.video_id for clip in reader.clips() if isinstance(clip, ActionClip)}
    assert videos == VALIDATION_VIDEOS
    assert reader.notices() == []
