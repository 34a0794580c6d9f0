"""EPIC-KITCHENS-100: where videos and extracted frames are found."""

import io
import tarfile
from pathlib import Path

import pytest

from egoactgen_bench.api.records import ActionClip, FrameSource
from egoactgen_bench.datasets.epic_frames import frame_name
from egoactgen_bench.errors import BenchError, SampleError
from epic_rows import epic_dataset, epic_row


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
    reader = epic_dataset(
        tmp_path, epic_row(), epic_row("P90_02_0", video="P90_02"), videos=tmp_path / "videos"
    )
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
    reader = epic_dataset(
        tmp_path,
        epic_row(),
        epic_row("late", stop="00:00:13.00"),
        epic_row("P91", video="P91_01"),
        videos=videos,
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
    reader = epic_dataset(tmp_path, epic_row(), videos=tmp_path / "frames")
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
    reader = epic_dataset(tmp_path, epic_row(), videos=tmp_path / "frames")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    with pytest.raises(SampleError, match=r"undecodable: P90_01\.tar"):
        reader.locate(clip)


def located(folder: Path, *rows: str) -> list[tuple[FrameSource, FrameSource] | str]:
    """What `locate` gives for each row, or the code of its error."""
    write_info(folder)
    reader = epic_dataset(folder, *rows, videos=folder / "data")
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
    [found] = located(tmp_path, epic_row())
    assert found[0] == FrameSource(folder / "frame_0000000488.jpg")


def test_frames_of_other_names_are_not_found_and_the_expected_name_is_given(tmp_path: Path) -> None:
    folder = tmp_path / "data/P90_01"
    folder.mkdir(parents=True)
    for name in ("frame_000488.jpg", "img_0000000488.jpg", "frame_0000000488.png"):
        (folder / name).touch()
    write_info(tmp_path)
    reader = epic_dataset(tmp_path, epic_row(), videos=tmp_path / "data")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    with pytest.raises(SampleError, match=r"P90_01 contains no frame_0000000001\.jpg, …"):
        reader.locate(clip)


def test_upper_case_endings_of_frames_and_archives(tmp_path: Path) -> None:
    folder = tmp_path / "data/P90_01"
    folder.mkdir(parents=True)
    (folder / "frame_0000000488.JPG").touch()
    archive = tmp_path / "data/P90_01.TAR"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(tarfile.TarInfo("frame_0000000561.JPG"), io.BytesIO())
    # The folder lacks the target, which the archive has.
    assert located(tmp_path, epic_row()) == [
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
        epic_row(),
        epic_row("b", video="P91_01"),
        epic_row("c", video="P92_01"),
        epic_row("d", video="P93_01"),
    )
    assert isinstance(found[0], tuple)
    assert found[0][0].path.suffix == ".jpg"
    assert isinstance(found[1], tuple)
    assert found[1][0] == FrameSource(data / "P91/videos/P91_01.MP4", 9.75)
    assert found[2:] == ["missing_video", "missing_video"]


def test_an_empty_folder_does_not_hide_an_archive(tmp_path: Path) -> None:
    (tmp_path / "data/P90_01").mkdir(parents=True)
    assert located(tmp_path, epic_row()) == ["missing_frame"]
    archive = tmp_path / "data/P90_01.tar"
    with tarfile.open(archive, "w") as tar:
        for number in (488, 561):
            tar.addfile(tarfile.TarInfo(f"frame_{number:010d}.jpg"), io.BytesIO())
    [found] = located(tmp_path, epic_row())
    assert found[0] == FrameSource(archive, member="frame_0000000488.jpg")


def test_frames_behind_the_damage_of_an_archive_are_undecodable(tmp_path: Path) -> None:
    archive = tmp_path / "data/P90_01.tar"
    archive.parent.mkdir()
    with tarfile.open(archive, "w") as tar:
        for number in range(400, 600):
            tar.addfile(tarfile.TarInfo(f"frame_{number:010d}.jpg"), io.BytesIO())
    archive.write_bytes(archive.read_bytes()[: 512 * 100 + 100])
    early = epic_row("early", start="00:00:08.40", stop="00:00:09.00")
    [cut, intact] = located(tmp_path, epic_row(), early)
    assert cut == "undecodable"
    assert isinstance(intact, tuple)


def test_videos_are_preferred_to_extracted_frames(tmp_path: Path) -> None:
    write_frames(tmp_path / "data/P90/rgb_frames/P90_01", range(1, 2))
    video = tmp_path / "data/P90/videos/P90_01.MP4"
    video.parent.mkdir(parents=True)
    video.touch()
    reader = epic_dataset(tmp_path, epic_row(), videos=tmp_path / "data")
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    assert reader.locate(clip)[0].path == video


def test_extracted_frames_require_their_frame_rate(tmp_path: Path) -> None:
    write_frames(tmp_path / "frames/P90_01", range(1, 2))
    reader = epic_dataset(tmp_path, epic_row(), videos=tmp_path / "frames")
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
    reader = epic_dataset(tmp_path, epic_row())
    [clip] = reader.clips()
    assert isinstance(clip, ActionClip)
    with pytest.raises(BenchError, match="pass --videos DIR"):
        reader.locate(clip)
