"""`videos:DIR`: the chosen frame of each video, and the errors of single samples."""

import json
import shutil

import pytest
from PIL import Image

from egoactgen_baselines.finished.finished_videos import VideoOptions, Videos
from egoactgen_bench.api.method import MethodContext
from egoactgen_bench.api.records import Request
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.video.displayed_frames import frame_by_number
from mp4_boxes import set_edits
from numbered_videos import RATE, number_in, write_video

VARIABLE = [0, 1, 2, 10, 11, 30, 31, 45]  # ticks of 1/30 s


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "steady.mp4", range(30))
    write_video(folder / "variable.mkv", VARIABLE)
    write_video(folder / "twice.mp4", range(2))
    shutil.copy(folder / "twice.mp4", folder / "twice.MOV")
    (folder / "broken.webm").write_bytes(b"no video")
    return folder


def outcome(folder, sample_id, frame="last", offset=None, ids=None):
    method = Videos(VideoOptions(frame=frame), MethodContext(argument=str(folder), sample_ids=ids))
    blank = Image.new("RGB", (8, 6))
    (found,) = method.generate([Request(sample_id, blank, "open", None, 0, offset)])
    return found.code if isinstance(found, SampleError) else number_in(found)


@pytest.mark.parametrize(
    ("frame", "offset", "steady", "variable"),
    [
        ("last", None, 29, 7),
        ("middle", None, 15, 4),
        ("0", None, 0, 0),
        ("7", None, 7, 7),
        ("8", None, 8, "frame_outside_video"),
        ("0.5s", None, 15, 4),
        ("target-time", 0.5, 15, 4),
        ("target-time", 10 / RATE - 0.0005, 10, 3),
        ("target-time", 10 / RATE - 0.002, 9, 2),
        ("target-time", 1.2, "frame_outside_video", 6),
        ("target-time", -0.1, "frame_outside_video", "frame_outside_video"),
        ("target-time", None, "no_target_time", "no_target_time"),
    ],
)
def test_the_chosen_frame(folder, frame, offset, steady, variable):
    assert outcome(folder, "steady", frame, offset) == steady
    assert outcome(folder, "variable", frame, offset) == variable


def test_errors_of_samples(folder):
    assert outcome(folder, "absent") == "missing_video"
    assert outcome(folder, "twice") == "ambiguous_video"
    assert outcome(folder, "broken") == "undecodable"
    assert outcome(folder, "broken", "1s") == "undecodable"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cut.mkv", {}),
        ("cut.avi", {}),
        ("cut.mp4", {"movflags": "+faststart"}),
        ("cut.mov", {"movflags": "+frag_keyframe+empty_moov"}),
    ],
)
def test_a_cut_file_has_no_last_frame(tmp_path, name, options):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(
        tmp_path / name, range(36), codec=codec, container_options=options, options={"g": "12"}
    )
    assert outcome(tmp_path, "cut") == 35
    path.write_bytes(path.read_bytes()[:-2000])
    assert outcome(tmp_path, "cut") == "undecodable"
    assert outcome(tmp_path, "cut", "0s") == 0


def test_frames_before_an_edit_list_do_not_count(folder, tmp_path):
    path = shutil.copy(folder / "steady.mp4", tmp_path / "edited.mp4")
    set_edits(path, [(20 / RATE, 10 / RATE)])
    assert [number_in(frame_by_number(path, lambda count, n=n: n)) for n in (0, 5)] == [10, 15]
    counts = []
    frame_by_number(path, lambda count: counts.append(count) or 0)
    assert counts == [20]


def test_the_hash_is_of_the_videos_that_are_read(folder, tmp_path):
    def hashes(*ids):
        context = MethodContext(argument=str(tmp_path), sample_ids=ids or None)
        return Videos(VideoOptions(), context).sources()["videos"]

    for name in ("a", "b"):
        shutil.copy(folder / "twice.mp4", tmp_path / f"{name}.mp4")
    before = [hashes("a"), hashes("a", "b"), hashes()]
    assert before[0] != before[1] == before[2]
    (tmp_path / "b.mp4").write_bytes(b"other")
    assert hashes("a") == before[0]
    assert hashes("a", "b") != before[1]


def test_a_folder_without_videos_is_refused(tmp_path):
    context = MethodContext(argument=str(tmp_path))
    with pytest.raises(BenchError, match=r"videos:.* contains no \.mp4, \.mkv.*, nor in videos/"):
        Videos(VideoOptions(), context)


def test_bench_run_records_the_use_of_the_target_s_time(bench, drawn_split, folder):
    workspace = drawn_split.parents[1]
    clips = workspace / "clips"
    clips.mkdir()
    for name in ("V00_0", "V01_1"):
        shutil.copy(folder / "steady.mp4", clips / f"{name}.mp4")
    call = ("run", "--method", f"videos:{clips}", "--limit", 3)
    result = bench(*call, "--run", "last")
    assert result.status == 1
    assert "failed: V02_2: missing_video (no V02_2.mp4 or other video found)" in result.out
    assert bench(*call, "-o", "frame=target-time", "--run", "timed").status == 1
    manifests = [
        json.loads((workspace / f"runs/drawn-val/{name}/run.json").read_text())
        for name in ("last", "timed")
    ]
    assert [manifest.get("target_time") for manifest in manifests] == [False, True]
    assert bench(*call, "-o", "frame=first").status == 2
