"""prepare-splits on video files: EPIC-KITCHENS rows with synthetic videos, and a real clip."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import read_csv

HEADER = "narration_id,video_id,start_timestamp,stop_timestamp,narration,verb,noun"
FPS = 25


def write_video(path: Path, frames: int, size: tuple[int, int] = (160, 90)) -> None:
    """Frame n is a grey of level 2 n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"g": "12", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = Fraction(1, FPS)
        for number in range(frames):
            pixels = np.full((size[1], size[0], 3), 2 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())


@pytest.fixture
def epic(tmp_path: Path) -> tuple[Path, Path]:
    rows = [
        "P01_1_0,P01_1,00:00:00.10,00:00:01.00,take mug,take,mug",  # starts too early
        "P01_1_1,P01_1,00:00:01.25,00:00:02.25,open door,open,door",
        "P01_1_2,P01_1,00:00:02.25,00:00:03.25,close door,close,door",
        "P01_1_3,P01_1,00:00:03.85,00:00:04.85,wash cup,wash,cup",  # target at 4.45 of 4 s
        "P01_1_4,P01_1,00:00:05.00,00:00:06.00,dry cup,dry,cup",  # all after the end
        "P02_1_0,P02_1,00:00:01.00,00:00:02.00,cut leek,cut,leek",  # its video is missing
        "P03_1_0,P03_1,00:00:01.00,00:00:02.00,cut leek,cut,leek",  # its video is cut in half
        "P03_1_1,P03_1,00:00:00.30,00:00:00.40,peel leek,peel,leek",
    ]
    annotations = tmp_path / "EPIC_100_validation.csv"
    annotations.write_text("\n".join([HEADER, *rows]) + "\n")
    write_video(tmp_path / "videos/P01/videos/P01_1.MP4", 4 * FPS)
    whole = tmp_path / "videos/P03/videos/P03_1.MP4"
    write_video(whole, 4 * FPS)
    whole.write_bytes(whole.read_bytes()[:-2000])  # the index at the end is lost
    return annotations, tmp_path / "videos"


@pytest.mark.parametrize("workers", [1, 3])
def test_frames_on_screen_and_reasons(bench, epic, tmp_path, workers):
    annotations, videos = epic
    call = ("prepare-splits", "epic-kitchens", "--annotations", annotations, "--videos", videos)
    result = bench(*call, "--size", 64, "--workers", workers)
    assert result.status == 1
    folder = tmp_path / "workspace/splits/epic-kitchens-val"
    split = load_split(folder)
    assert list(split.samples.sample_id) == ["P01_1_1", "P01_1_2"]
    for row in split.samples.itertuples():
        for path, time in ((row.input_frame, row.t_input), (row.target_frame, row.t_target)):
            image = Image.open(folder / path)
            assert image.size == (114, 64)
            assert np.asarray(image).mean() == pytest.approx(2 * int(time * FPS + 0.025), abs=1)
        assert (row.width, row.height) == (160, 90)
    rejected = read_csv(folder / "rejected.csv", dtype=str)
    assert list(zip(rejected.row, rejected.reason, strict=True)) == [
        ("P01_1_0", "input_before_start"),
        ("P01_1_3", "target_after_end"),
        ("P01_1_4", "input_after_end"),
        ("P02_1_0", "missing_video"),
        ("P03_1_0", "undecodable"),
        ("P03_1_1", "undecodable"),
    ]
    assert "5 samples without frames (undecodable 2, " in result.err
    assert "input_before_start" not in result.err
    assert "read from 2 files" in result.out
    assert bench("verify", folder).status == 0


def test_bad_files_affect_only_their_own_samples(bench, tmp_path):
    rows = [
        f"P0{n}_1_0,P0{n}_1,00:00:01.00,00:00:02.00,cut leek,cut,leek" for n in (1, 2, 3, 4, 5, 6)
    ]
    annotations = tmp_path / "EPIC_100_validation.csv"
    annotations.write_text("\n".join([HEADER, *rows]) + "\n")
    info = "".join(f"P0{n}_1,4.0,50.0,160x90\n" for n in (4, 5, 6))
    (tmp_path / "EPIC_100_video_info.csv").write_text("video_id,duration,fps,resolution\n" + info)
    videos = tmp_path / "videos"
    write_video(videos / "P01_1.MP4", 4 * FPS)
    (videos / "P02_1.MP4").touch()
    data = (videos / "P01_1.MP4").read_bytes()
    place = data.rindex(b"avc1")
    (videos / "P03_1.MP4").write_bytes(data[:place] + b"zzzz" + data[place + 4 :])
    for name, content in (("P04_1", b""), ("P05_1", b"\xff\xd8 no image")):
        (videos / name).mkdir()
        for number in (38, 81):  # 0.75 s and 1.6 s at 50 frames per second
            (videos / name / f"frame_{number:010d}.jpg").write_bytes(content)
    (videos / "P06_1.tar.gz").write_bytes(b"\x1f\x8b no archive")
    call = ("prepare-splits", "epic-kitchens", "--annotations", annotations, "--videos", videos)
    tables = []
    for out in ("one", "two"):
        result = bench(*call, "--size", 64, "--workers", 1, "--out", tmp_path / out)
        assert result.status == 1
        assert "Traceback" not in result.err
        tables.append((tmp_path / out / "rejected.csv").read_text())
    assert tables[0] == tables[1]
    assert list(load_split(tmp_path / "one").samples.sample_id) == ["P01_1_0"]
    rejected = read_csv(tmp_path / "one/rejected.csv", dtype=str)
    assert dict(zip(rejected.row, rejected.reason, strict=True)) == {
        "P02_1_0": "undecodable",
        "P03_1_0": "undecodable",
        "P04_1_0": "undecodable_image",
        "P05_1_0": "undecodable_image",
        "P06_1_0": "undecodable",
    }
    names = ["P02_1.MP4", "P03_1.MP4", "frame_0000000038.jpg", "frame_0000000038.jpg", "P06_1.tar"]
    for name, detail in zip(names, rejected.detail, strict=True):
        assert name in detail
        assert str(tmp_path) not in detail
        assert " at 0x" not in detail


def test_the_message_lists_where_it_looked(bench, epic, tmp_path):
    annotations, _ = epic
    (tmp_path / "empty").mkdir()
    call = ("prepare-splits", "epic-kitchens", "--annotations", annotations)
    result = bench(*call, "--videos", tmp_path / "empty")
    assert result.status == 2
    assert f"Looked below --videos {tmp_path / 'empty'} for */videos/*.mp4, " in result.err
    assert "videos/train/*/*.mp4, " in result.err
    assert "P01/rgb_frames/P01_01[.tar], " in result.err


@pytest.mark.parametrize("size", [(8192, 2), (2, 1024)])
def test_extreme_shapes_are_rejected(bench, tmp_path, size):
    annotations = tmp_path / "EPIC_100_validation.csv"
    row = "P01_1_{n},P0{n}_1,00:00:01.00,00:00:02.00,cut leek,cut,leek"
    annotations.write_text("\n".join([HEADER, row.format(n=1), row.format(n=2)]) + "\n")
    write_video(tmp_path / "videos/P01_1.MP4", 2 * FPS)
    write_video(tmp_path / "videos/P02_1.MP4", 2 * FPS, size)
    call = ("prepare-splits", "epic-kitchens", "--annotations", annotations)
    result = bench(*call, "--videos", tmp_path / "videos", "--workers", 1)
    assert result.status == 1
    rejected = read_csv(tmp_path / "workspace/splits/epic-kitchens-val/rejected.csv", dtype=str)
    assert rejected.reason.tolist() == ["unsupported_image"]
    assert rejected.detail[0].startswith(f"P02_1.MP4: {size[0]} × {size[1]} pixels cannot be")
