"""EPIC-KITCHENS-100: rows, rejections, videos and extracted frames."""

import csv
import io
import tarfile
from pathlib import Path

import pytest

from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.datasets.epic_frames import frame_name
from egoactgen_bench.datasets.epic_kitchens import EpicKitchens
from egoactgen_bench.datasets.epic_videos import VALIDATION_VIDEOS
from egoactgen_bench.errors import BenchError, SampleError

HEADER = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,"
    "start_frame,stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
)


def row(
    row_id: str = "P90_01_0",
    start: str = "00:00:10.00",
    stop: str = "00:00:12.00",
    video: str = "P90_01",
    narration: str = "fold napkin",
) -> str:
    times = f"{start},{stop},600,720"
    return f"{row_id},P90,{video},,{times},{narration},fold,9,napkin,5,\"['napkin']\",[5]"


def dataset(folder: Path, *rows: str, videos: Path | None = None) -> EpicKitchens:
    path = folder / "EPIC_100_validation.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return EpicKitchens(path, videos, "val")


def one(folder: Path, line: str) -> ActionClip | Rejection:
    [result] = dataset(folder, line).clips()
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
    assert one(tmp_path, row()) == ActionClip(
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
        (row(start="00:00:00.24"), "input_before_start", "-0.01"),
        (row(start="00:00:12.00"), "bad_row", "not after"),
        (row(start="00:00:13.00"), "bad_row", "not after"),
        (row(start="10.0"), "bad_row", "'10.0' is not HH:MM:SS.ff"),
        (row(stop=""), "bad_row", "'' is not HH:MM:SS.ff"),
        (row(stop="00:61:00.00"), "bad_row", "HH:MM:SS.ff"),
        (row(stop="00:00:nan"), "bad_row", "HH:MM:SS.ff"),
        (row(row_id="../../etc/passwd"), "bad_row", "narration_id"),
        (row(video="../P90_01"), "bad_row", "video_id"),
        (row(video="P90/01"), "bad_row", "video_id"),
        (row(row_id=""), "bad_row", "narration_id"),
        (row(narration="  "), "bad_row", "narration is empty"),
        ("P90_01_0,P90,P90_01", "bad_row", "line 2: 3 cells, expected 15"),
        (row() + ",more", "bad_row", "line 2: 16 cells"),
        (row(narration='fold "napkin'), None, ""),
        ('"' + row(), "bad_row", "line 2"),
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
    result = one(tmp_path, row(start="00:00:00.25"))
    assert isinstance(result, ActionClip)
    assert result.t_input == 0


def test_broken_rows_do_not_affect_others(tmp_path: Path) -> None:
    reader = dataset(tmp_path, row("a"), '"' + row("b"), row("c"), "", row("a"), row("d"))
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
    path = dataset(tmp_path, row()).annotations
    sentence = "contains the subset 'val', not 'train': pass --subset val"
    with pytest.raises(BenchError, match=sentence):
        list(EpicKitchens(path, None, "train").clips())


@pytest.mark.parametrize("name", ["EPIC_100_retrieval_train.csv", "my-train-set.csv"])
def test_files_named_after_the_other_subset_are_refused(tmp_path: Path, name: str) -> None:
    path = dataset(tmp_path, row()).annotations
    assert path is not None
    path = path.rename(tmp_path / name)
    with pytest.raises(BenchError, match=f"{name} contains the subset 'train', not 'val'"):
        list(EpicKitchens(path, None, "val").clips())
    assert len(list(EpicKitchens(path, None, "train").clips())) == 1


def test_videos_outside_the_validation_set_are_noticed(tmp_path: Path) -> None:
    path = dataset(tmp_path, row(), row("P01_11_0", video="P01_11")).annotations
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


@pytest.mark.parametrize(
    "place",
    [
        "P90/videos/P90_01.MP4",
        "EPIC-KITCHENS/P90/videos/P90_01.MP4",
        "videos/P90_01.mp4",
        "P90_01.Mp4",
        "videos/train/P90/P90_01.MP4",
        "videos/test/P90/P90_01.MP4",
        "train/P90/P90_01.MP4",
        "EPIC-KITCHENS-55/videos/train/P90/P90_01.MP4",
        "videos/P90/P90_01.mp4",
        "P90/P90_01.mp4",
        "P90_01.mkv",
        "P90_01.avi",
    ],
)
def test_layouts_of_videos(tmp_path: Path, place: str) -> None:
    video = tmp_path / "videos" / place
    video.parent.mkdir(parents=True)
    video.touch()
    reader = dataset(tmp_path, row(), row("P90_02_0", video="P90_02"), videos=tmp_path / "videos")
    here, absent = reader.clips()
    assert isinstance(here, ActionClip)
    assert isinstance(absent, ActionClip)
    assert reader.locate(here) == (FrameSource(video, 9.75), FrameSource(video, 11.2))
    with pytest.raises(SampleError, match="missing_video: P90_02"):
        reader.locate(absent)
    assert reader.recipe()["source"] == "videos"


def write_frames(folder: Path, numbers: range) -> None:
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"frame_{number:010d}.jpg").touch()


def write_info(folder: Path, fps: str = "50.0") -> None:
    text = f"video_id,duration,fps,resolution\nP90_01,20.5,{fps},1920x1080\n"
    (folder / "EPIC_100_video_info.csv").write_text(text)


def test_extracted_frames_in_a_folder(tmp_path: Path) -> None:
    videos = tmp_path / "frames"
    write_frames(videos / "P90/rgb_frames/P90_01", range(480, 565))
    write_info(tmp_path)
    reader = dataset(
        tmp_path, row(), row("late", stop="00:00:13.00"), row("P91", video="P91_01"), videos=videos
    )
    clip, late, absent = reader.clips()
    assert isinstance(clip, ActionClip)
    folder = videos / "P90/rgb_frames/P90_01"
    assert reader.locate(clip) == (
        FrameSource(folder / "frame_0000000488.jpg"),  # 9.75 s × 50 = 487.5
        FrameSource(folder / "frame_0000000561.jpg"),  # 11.2 s × 50 = 560
    )
    assert isinstance(late, ActionClip)
    with pytest.raises(SampleError, match=r"target_after_end: frame_0000000591\.jpg"):
        reader.locate(late)
    (folder / "frame_0000000561.jpg").unlink()
    with pytest.raises(SampleError, match="missing_frame"):
        reader.locate(clip)
    assert isinstance(absent, ActionClip)
    with pytest.raises(SampleError, match="missing_video: P91_01"):
        reader.locate(absent)
    assert reader.recipe()["source"] == "rgb_frames"


@pytest.mark.parametrize("prefix", ["", "./", "P90_01/"])
def test_extracted_frames_in_an_archive(tmp_path: Path, prefix: str) -> None:
    archive = tmp_path / "frames/P90/rgb_frames/P90_01.tar"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w") as tar:
        for number in (586, 673):
            tar.addfile(tarfile.TarInfo(f"{prefix}frame_{number:010d}.jpg"), io.BytesIO())
    write_info(tmp_path, fps="59.9400599400599")
    reader = dataset(tmp_path, row(), videos=tmp_path / "frames")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    assert reader.locate(clip) == (
        FrameSource(archive, member=f"{prefix}frame_0000000586.jpg"),  # 9.75 s × 60 = 585
        FrameSource(archive, member=f"{prefix}frame_0000000673.jpg"),  # 11.2 s × 60 = 672
    )


def test_broken_archive_is_reported(tmp_path: Path) -> None:
    archive = tmp_path / "frames/P90_01.tar"
    archive.parent.mkdir()
    archive.write_bytes(b"no archive")
    write_info(tmp_path)
    reader = dataset(tmp_path, row(), videos=tmp_path / "frames")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    with pytest.raises(SampleError, match=r"undecodable: P90_01\.tar"):
        reader.locate(clip)


def located(folder: Path, *rows: str) -> list[tuple[FrameSource, FrameSource] | str]:
    """What `locate` gives for each row, or the code of its error."""
    write_info(folder)
    reader = dataset(folder, *rows, videos=folder / "data")
    found: list[tuple[FrameSource, FrameSource] | str] = []
    for clip in reader.clips():
        assert isinstance(clip, ActionClip)
        try:
            found.append(reader.locate(clip))
        except SampleError as error:
            found.append(error.code)
    return found


@pytest.mark.parametrize(
    "place",
    ["rgb_frames", "P90", ".", "train/P90", "frames_rgb_flow/rgb/train/P90", "rgb/test/P90"],
)
def test_layouts_of_extracted_frames(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "data" / place / "P90_01"
    write_frames(folder, range(480, 565))
    [found] = located(tmp_path, row())
    assert found[0] == FrameSource(folder / "frame_0000000488.jpg")


def test_upper_case_endings_of_frames_and_archives(tmp_path: Path) -> None:
    folder = tmp_path / "data/P90_01"
    folder.mkdir(parents=True)
    (folder / "frame_0000000488.JPG").touch()
    archive = tmp_path / "data/P90_01.TAR"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("frame_0000000561.JPG"), io.BytesIO())
    # The folder lacks the target, which the archive has.
    assert located(tmp_path, row()) == [
        (
            FrameSource(folder / "frame_0000000488.JPG"),
            FrameSource(archive, member="frame_0000000561.JPG"),
        )
    ]


def test_videos_folders_and_archives_in_one_tree(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_frames(data / "P90/rgb_frames/P90_01", range(480, 565))
    (data / "P90/rgb_frames/._P90_01").touch()
    (data / "P91/videos").mkdir(parents=True)
    (data / "P91/videos/P91_01.MP4").touch()
    (data / "preview.mp4").touch()
    (data / "P92_01.mp4").mkdir()  # a folder with the name of a video
    found = located(
        tmp_path,
        row(),
        row("b", video="P91_01"),
        row("c", video="P92_01"),
        row("d", video="P93_01"),
    )
    assert isinstance(found[0], tuple)
    assert found[0][0].path.suffix == ".jpg"
    assert isinstance(found[1], tuple)
    assert found[1][0] == FrameSource(data / "P91/videos/P91_01.MP4", 9.75)
    assert found[2:] == ["missing_video", "missing_video"]


def test_an_empty_folder_does_not_hide_an_archive(tmp_path: Path) -> None:
    (tmp_path / "data/P90_01").mkdir(parents=True)
    assert located(tmp_path, row()) == ["missing_frame"]
    archive = tmp_path / "data/P90_01.tar"
    with tarfile.open(archive, "w") as tar:
        for number in (488, 561):
            tar.addfile(tarfile.TarInfo(f"frame_{number:010d}.jpg"), io.BytesIO())
    [found] = located(tmp_path, row())
    assert found[0] == FrameSource(archive, member="frame_0000000488.jpg")


def test_frames_behind_the_damage_of_an_archive_are_undecodable(tmp_path: Path) -> None:
    archive = tmp_path / "data/P90_01.tar"
    archive.parent.mkdir()
    with tarfile.open(archive, "w") as tar:
        for number in range(400, 600):
            tar.addfile(tarfile.TarInfo(f"frame_{number:010d}.jpg"), io.BytesIO())
    archive.write_bytes(archive.read_bytes()[: 512 * 100 + 100])
    early = row("early", start="00:00:08.40", stop="00:00:09.00")
    [cut, intact] = located(tmp_path, row(), early)
    assert cut == "undecodable"
    assert isinstance(intact, tuple)


def test_videos_are_preferred_to_extracted_frames(tmp_path: Path) -> None:
    write_frames(tmp_path / "data/P90/rgb_frames/P90_01", range(1, 2))
    video = tmp_path / "data/P90/videos/P90_01.MP4"
    video.parent.mkdir(parents=True)
    video.touch()
    reader = dataset(tmp_path, row(), videos=tmp_path / "data")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    assert reader.locate(clip)[0].path == video


def test_extracted_frames_require_their_frame_rate(tmp_path: Path) -> None:
    write_frames(tmp_path / "frames/P90_01", range(1, 2))
    reader = dataset(tmp_path, row(), videos=tmp_path / "frames")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    assert reader.video_durations() == {}
    with pytest.raises(BenchError, match=r"EPIC_100_video_info\.csv states which"):
        reader.locate(clip)


@pytest.mark.parametrize(
    ("time", "rate", "number"),
    [(0.0, 60, 1), (0.0166, 60, 2), (0.0149, 60, 1), (0.58, 50, 30), (1.0, 50, 51), (1.16, 50, 59)],
)
def test_frame_on_screen(time: float, rate: int, number: int) -> None:
    assert frame_name(time, rate) == f"frame_{number:010d}.jpg"


def test_videos_are_required(tmp_path: Path) -> None:
    reader = dataset(tmp_path, row())
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    with pytest.raises(BenchError, match="pass --videos DIR"):
        reader.locate(clip)
