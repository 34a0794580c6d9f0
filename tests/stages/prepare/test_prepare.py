"""The stage prepare-splits, on a data set of synthetic images."""

import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
from PIL import Image

from drawn_dataset import Drawn, drawn_picture, folder_contents
from egoactgen_bench.api.records import ActionClip, Rejection
from egoactgen_bench.artifacts.splits import fingerprint, frames_fingerprint, load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.prepare.split_plan import plan_split
from egoactgen_bench.support import files, images


def test_split_contains_scaled_frames_hashes_counts_and_descriptions(make, tmp_path):
    done = make()
    split = load_split(tmp_path / "split")
    assert list(split.samples.sample_id) == ["s0", "s1", "s3", "s4", "s5", "s6"]
    assert split.manifest.counts.model_dump() == {
        "kept": 6,
        "rejected": 1,
        "by_reason": {"input_before_start": 1},
    }
    row = split.samples.iloc[2]
    assert (row.width, row.height, row.t_input, row.t_target) == (160, 90, 2.75, 3.6)
    frame = split.frame_path(row.target_frame)
    expected = images.resize(Image.fromarray(drawn_picture(3, 200)), (114, 64))
    assert frame.read_bytes() == images.png_bytes(expected)
    assert files.sha256_file(frame) == row.target_sha256
    assert split.fingerprint == fingerprint(split.samples) == split.manifest.times_fingerprint
    assert split.frames_fingerprint == frames_fingerprint(split.samples)
    assert (tmp_path / "split/descriptions/given.csv").read_text() == (
        "sample_id,description\ns0,The left hand cuts an onion.\n"
    )
    assert not done.failures
    assert done.read.files == 12
    assert not (tmp_path / "split/.partial").exists()


def test_the_number_of_workers_does_not_change_results(make, tmp_path):
    make("one")
    make("three", workers=3)
    assert folder_contents(tmp_path / "one") == folder_contents(tmp_path / "three")


def test_archives_give_the_same_frames_as_folders(make, videos, tmp_path):
    make("folders")
    for folder in list(videos.iterdir()):
        with tarfile.open(f"{folder}.tar", "w") as archive:
            for path in sorted(folder.iterdir(), reverse=True):
                archive.add(path, path.name)
        shutil.rmtree(folder)
    make("archives")
    assert folder_contents(tmp_path / "folders") == folder_contents(tmp_path / "archives")


def test_missing_and_broken_images_fail_only_their_own_samples(bench, videos):
    shutil.rmtree(videos / "V2")  # s5
    (videos / "V1/s4_target.png").write_bytes(b"no picture")
    call = ("prepare-splits", "drawn_dataset:Drawn", "--videos", videos, "--workers", 1)
    result = bench(*call)
    assert result.status == 1
    assert "4 kept" in result.out
    assert "2 samples without frames (" in result.err
    assert "missing_video 1" in result.err
    assert "undecodable_image 1" in result.err


def test_a_folder_with_other_files_is_never_changed(bench, videos, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    call = ("prepare-splits", "drawn_dataset:Drawn", "--videos", videos)
    result = bench(*call, "--out", tmp_path / "mine", "--overwrite")
    assert result.status == 2
    assert "is not empty and contains no split" in result.err
    assert list((tmp_path / "mine").iterdir()) == [tmp_path / "mine/thesis.tex"]


def test_a_split_without_samples_is_rejected_and_leaves_no_files(bench, tmp_path):
    result = bench("prepare-splits", "drawn_dataset:Drawn", "--videos", tmp_path)
    assert result.status == 2
    assert result.err.startswith(
        "bench: None of the 6 samples of drawn-val could be kept: missing_video 6 (the first: V0)."
    )
    assert not (tmp_path / "workspace/splits/drawn-val").exists()


def test_dry_run_counts_and_writes_nothing(bench, videos, tmp_path):
    shutil.rmtree(videos / "V2")
    result = bench("prepare-splits", "drawn_dataset:Drawn", "--videos", videos, "--dry-run")
    assert result.status == 0
    assert "drawn-val: 5 samples would be kept" in result.out
    assert "1 rejected: input_before_start" in result.out
    assert "1 rejected: missing_video" in result.out
    assert not (tmp_path / "workspace").exists()
    result = bench("prepare-splits", "drawn_dataset:Drawn", "--dry-run")
    assert "6 samples would be kept" in result.out


def test_list_videos_writes_the_ids(bench, tmp_path):
    result = bench("prepare-splits", "drawn_dataset:Drawn", "--list-videos")
    path = tmp_path / "workspace/splits/drawn-val.videos.txt"
    assert result.out == f"3 videos, 1.5 hours (1 more of unknown length): {path}\n"
    assert path.read_text() == "V0\nV1\nV2\n"
    assert not (tmp_path / "workspace/splits/drawn-val").exists()


def test_times_only_needs_no_videos(bench, tmp_path):
    result = bench("prepare-splits", "drawn_dataset:Drawn", "--times-only", "--limit", 3)
    assert (result.status, result.err) == (0, "")
    split = load_split(tmp_path / "workspace/splits/drawn-val")
    assert list(split.samples.sample_id) == ["s0", "s1", "s6"]
    rule = "systematic over samples sorted by video"
    assert split.manifest.recipe["drawn"] == {"rule": rule, "count": 3, "of": 6, "seed": 0}
    assert "3 of 6 clips drawn from all videos (seed 0)" in result.out
    assert split.frames_fingerprint is None
    assert set(split.samples.input_frame) == set(split.samples.target_sha256) == {""}
    assert split.manifest.counts.by_reason == {"input_before_start": 1}
    assert split.fingerprint == fingerprint(split.samples)


def test_a_limit_that_excludes_no_clip_draws_all(make, tmp_path):
    make(limit=6)
    recipe = load_split(tmp_path / "split").manifest.recipe
    assert (recipe["limit"], "drawn" in recipe) == (6, False)


class Sorted(Drawn):
    """Four clips of one video, then two of another."""

    def clips(self) -> Iterator[ActionClip | Rejection]:
        clips = (clip for clip in super().clips() if isinstance(clip, ActionClip))
        for number, clip in enumerate(clips):
            yield replace(clip, video_id="V0" if number < 4 else "V1")


def test_a_limit_draws_clips_of_all_videos():
    plan = plan_split(Sorted(None, None, "train"), limit=3, times_only=True)
    assert sorted(clip.video_id for clip in plan.clips) == ["V0", "V0", "V1"]


class Careless(Drawn):
    """Gives its clips the ids in `ids`."""

    ids: tuple[str, ...] = ()

    def clips(self) -> Iterator[ActionClip | Rejection]:
        clips = (clip for clip in super().clips() if isinstance(clip, ActionClip))
        for clip, sample_id in zip(clips, self.ids, strict=False):
            yield replace(clip, sample_id=sample_id)


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        (("../up",), "sample id '../up', which is not a safe file name"),
        (("a", "a"), "sample id 'a' twice"),
        ((), "no annotation row gives a sample"),
    ],
)
def test_a_careless_data_set_is_rejected(videos, monkeypatch, ids, sentence):
    monkeypatch.setattr(Careless, "ids", ids)
    with pytest.raises(BenchError, match=sentence):
        plan_split(Careless(None, videos, "val"))


def test_unsafe_names_are_refused(videos):
    with pytest.raises(BenchError, match="is not a valid name for a split"):
        plan_split(Drawn(None, videos, "val"), name="../elsewhere")


def test_the_licence_of_the_data_set_is_recorded(make, monkeypatch):
    assert make("free").split.manifest.licence is None
    monkeypatch.setattr(Drawn, "licence", "Mine")
    assert make("licensed").split.manifest.licence == "Mine"
