"""The stage prepare-splits, on a data set of synthetic images and on the real EPIC-KITCHENS CSV."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.splits import fingerprint, frames_fingerprint, load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.prepare import extraction
from egoactgen_bench.stages.prepare.prepare_split import prepare
from egoactgen_bench.stages.prepare.split_plan import plan_split
from egoactgen_bench.support import files, images

CLIPS = int(os.environ.get("DRAWN_CLIPS", "7"))
VIDEOS = 3


class Drawn(Dataset):
    """Numbered images, two per clip, in folders or in tar archives named like the video."""

    name = "drawn"

    def clips(self) -> Iterator[ActionClip | Rejection]:
        for number in range(CLIPS):
            if number == 2:
                yield Rejection("row 2", "input_before_start", "t_input = -0.1 s")
                continue
            yield ActionClip(
                row=f"row {number}",
                sample_id=f"s{number}",
                dataset="drawn",
                video_id=f"V{number % VIDEOS}",
                action=f"cut, onion {number}",
                verb="cut",
                noun="onion",
                t_start=float(number),
                t_end=number + 1.0,
                t_input=number - 0.25,
                t_target=number + 0.6,
            )

    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        assert self.videos is not None
        names = [f"{clip.sample_id}_{role}.png" for role in ("input", "target")]
        archive = self.videos / f"{clip.video_id}.tar"
        if archive.exists():
            return FrameSource(archive, member=names[0]), FrameSource(archive, member=names[1])
        folder = self.videos / clip.video_id
        if not folder.is_dir():
            raise self.missing_video(clip.video_id)
        return FrameSource(folder / names[0]), FrameSource(folder / names[1])

    def recipe(self) -> dict[str, object]:
        return {"drawing": 1}

    def descriptions(self) -> dict[str, dict[str, str]]:
        return {"given": {"s0": "The left hand cuts an onion.", "s99": "of no clip"}}

    def video_durations(self) -> dict[str, float]:
        return {"V0": 3600.0, "V1": 1800.0}


def draw(folder: Path, clips: int, scale: int = 1) -> Path:
    for number in range(clips):
        for role, level in (("input", 40), ("target", 200)):
            path = folder / f"V{number % VIDEOS}" / f"s{number}_{role}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(_picture(number, level)).resize((160 * scale, 90 * scale)).save(path)
    return folder


def _picture(number: int, level: int) -> np.ndarray:
    pixels = np.full((90, 160, 3), level, np.uint8)
    pixels[:, : 20 * (number + 1)] = (255, 0, number)
    return pixels


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    return draw(tmp_path / "videos", CLIPS)


@pytest.fixture
def make(videos: Path, tmp_path: Path) -> Callable[..., object]:
    def call(folder: str = "split", *, workers: int = 1, overwrite: bool = False, **plan):
        plan = plan_split(Drawn(None, videos, "val"), size=64, **plan)
        return prepare(plan, tmp_path / folder, workers=workers, overwrite=overwrite)

    return call


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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
    expected = images.resize(Image.fromarray(_picture(3, 200)), (114, 64))
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
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


def test_archives_give_the_same_frames_as_folders(make, videos, tmp_path):
    make("folders")
    for folder in list(videos.iterdir()):
        with tarfile.open(f"{folder}.tar", "w") as archive:
            for path in sorted(folder.iterdir(), reverse=True):
                archive.add(path, path.name)
        shutil.rmtree(folder)
    make("archives")
    assert contents(tmp_path / "folders") == contents(tmp_path / "archives")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["frames", "frames/s0", "frames/s0/input.png", ".partial"])
def test_nothing_is_written_through_links_of_a_split_from_others(make, tmp_path, name, overwrite):
    make()
    link, elsewhere = tmp_path / "split" / name, tmp_path / "elsewhere"
    if name == ".partial":
        elsewhere.mkdir()
    else:
        shutil.move(link, elsewhere)
    link.symlink_to(elsewhere)
    (tmp_path / "split/split.json").unlink()
    before = contents(tmp_path)
    with pytest.raises(BenchError, match=rf"{name} is a link that leads out of"):
        make(overwrite=overwrite)
    assert contents(tmp_path) == before


def writing_only(budget: int, error: BaseException) -> Callable[[Path, bytes], None]:
    """A `write_bytes` that fails after `budget` calls."""
    left = iter(range(budget))

    def write(path: Path, data: bytes) -> None:
        if next(left, None) is None:
            raise error
        files.write_bytes(path, data)

    return write


def test_preparing_resumes_to_the_same_bytes_after_a_kill_at_any_write(make, tmp_path, monkeypatch):
    make("whole")
    split = tmp_path / "killed"
    for budget in range(1, 13):
        with monkeypatch.context() as patch:
            patch.setattr(extraction, "write_bytes", writing_only(budget, KeyboardInterrupt()))
            try:
                done = make("killed")
            except KeyboardInterrupt:
                assert not (split / "split.json").exists()
                with next((split / ".partial").glob("*.jsonl")).open("a") as journal:
                    journal.write('\n{"sample_id": "s')
            else:
                break
    assert budget > 3
    assert done.resumed > 0
    assert contents(tmp_path / "whole") == contents(split)


@pytest.mark.parametrize(
    ("signal_number", "status", "sentence"),
    [
        (signal.SIGKILL, -9, ""),
        (signal.SIGINT, 130, "bench: Interrupted; run the same command again to resume.\n"),
    ],
)
def test_another_process_completes_the_split_of_a_killed_one(
    tmp_path, monkeypatch, signal_number, status, sentence
):
    monkeypatch.setattr(sys.modules[__name__], "CLIPS", 20)
    monkeypatch.setenv("DRAWN_CLIPS", "20")
    videos = draw(tmp_path / "videos", 20, scale=4)
    program = "from egoactgen_bench.cli import main; main()"
    call = ["prepare-splits", f"{__name__}:Drawn", "--videos", videos, "--workers", 2]
    split = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, call), "--out", str(split)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(path.stat().st_size for path in split.glob(".partial/*.jsonl")):
        time.sleep(0.005)
    process.send_signal(signal_number)
    _, printed = process.communicate()
    assert process.returncode == status
    assert sentence in printed
    assert "Traceback" not in printed
    assert not (split / "split.json").exists()

    plan = plan_split(Drawn(None, videos, "val"))
    assert prepare(plan, split).resumed > 0
    prepare(plan, tmp_path / "whole")
    assert contents(split) == contents(tmp_path / "whole")


def test_a_full_disk_is_one_sentence_and_the_same_command_resumes(bench, videos, monkeypatch):
    call = ("prepare-splits", f"{__name__}:Drawn", "--videos", videos, "--workers", 1)
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "write_bytes", writing_only(6, full))
        result = bench(*call)
    assert result.status == 2
    assert result.err.endswith(
        ": the disk is full; free some space and run the same command again.\n"
    )
    result = bench(*call)
    assert (result.status, result.err) == (0, "")
    assert "3 of them were extracted by an earlier call" in result.out


def test_missing_and_broken_images_fail_only_their_own_samples(bench, videos):
    shutil.rmtree(videos / "V2")  # s5
    (videos / "V1/s4_target.png").write_bytes(b"no picture")
    call = ("prepare-splits", f"{__name__}:Drawn", "--videos", videos, "--workers", 1)
    result = bench(*call)
    assert result.status == 1
    assert "4 kept" in result.out
    assert "2 samples without frames (" in result.err
    assert "missing_video 1" in result.err
    assert "undecodable_image 1" in result.err


def test_failed_samples_are_tried_again_by_the_same_command(bench, videos, tmp_path):
    shutil.move(videos / "V2", tmp_path / "V2")
    call = ("prepare-splits", f"{__name__}:Drawn", "--videos", videos, "--workers", 1)
    assert bench(*call).status == 1
    assert bench(*call).status == 1
    shutil.move(tmp_path / "V2", videos / "V2")
    result = bench(*call)
    assert (result.status, result.err) == (0, "")
    assert "5 of them were extracted by an earlier call" in result.out
    split = tmp_path / "workspace/splits/drawn-val"
    made_in_parts = contents(split)
    assert bench(*call, "--overwrite").status == 0
    assert contents(split) == made_in_parts
    assert "already complete" in bench(*call).out


def test_another_recipe_is_refused_until_overwritten(bench, videos, tmp_path):
    call = ("prepare-splits", f"{__name__}:Drawn", "--videos", videos, "--workers", 1)
    assert bench(*call).status == 0
    result = bench(*call, "--size", 128)
    assert result.status == 2
    assert "contains a finished split with other settings (recipe.size 256 → 128)" in result.err
    assert "choose another --name or --out, or replace it with --overwrite" in result.err
    assert bench(*call, "--size", 128, "--name", "larger").status == 0
    assert bench(*call, "--size", 128, "--overwrite").status == 0
    splits = tmp_path / "workspace/splits"
    frames = [splits / name / "frames/s0/input.png" for name in ("larger", "drawn-val")]
    assert frames[0].read_bytes() == frames[1].read_bytes()
    assert Image.open(frames[0]).size == (228, 128)


def test_an_unfinished_split_of_another_recipe_is_rejected(make, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(extraction, "write_bytes", writing_only(4, KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            make()
    refused = r"contains an unfinished split with other settings \(recipe\.limit null → 3, "
    with pytest.raises(BenchError, match=refused):
        make(limit=3)
    assert len(make(limit=3, overwrite=True).split.samples) == 3


def test_a_folder_with_other_files_is_never_changed(bench, videos, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    call = ("prepare-splits", f"{__name__}:Drawn", "--videos", videos)
    result = bench(*call, "--out", tmp_path / "mine", "--overwrite")
    assert result.status == 2
    assert "is not empty and contains no split" in result.err
    assert list((tmp_path / "mine").iterdir()) == [tmp_path / "mine/thesis.tex"]


def test_a_split_without_samples_is_rejected_and_leaves_no_files(bench, tmp_path):
    result = bench("prepare-splits", f"{__name__}:Drawn", "--videos", tmp_path)
    assert result.status == 2
    assert result.err.startswith(
        "bench: None of the 6 samples of drawn-val could be kept: missing_video 6 (the first: V0)."
    )
    assert not (tmp_path / "workspace/splits/drawn-val").exists()


def test_the_split_to_overwrite_is_kept_if_the_folder_is_wrong(bench, videos, tmp_path):
    call = ("prepare-splits", f"{__name__}:Drawn", "--workers", 1, "--videos")
    assert bench(*call, videos).status == 0
    before = contents(tmp_path / "workspace/splits/drawn-val")
    assert bench(*call, tmp_path, "--overwrite").status == 2
    assert contents(tmp_path / "workspace/splits/drawn-val") == before


def test_dry_run_counts_and_writes_nothing(bench, videos, tmp_path):
    shutil.rmtree(videos / "V2")
    result = bench("prepare-splits", f"{__name__}:Drawn", "--videos", videos, "--dry-run")
    assert result.status == 0
    assert "drawn-val: 5 samples would be kept" in result.out
    assert "1 rejected: input_before_start" in result.out
    assert "1 rejected: missing_video" in result.out
    assert not (tmp_path / "workspace").exists()
    result = bench("prepare-splits", f"{__name__}:Drawn", "--dry-run")
    assert "6 samples would be kept" in result.out


def test_list_videos_writes_the_ids(bench, tmp_path):
    result = bench("prepare-splits", f"{__name__}:Drawn", "--list-videos")
    path = tmp_path / "workspace/splits/drawn-val.videos.txt"
    assert result.out == f"3 videos, 1.5 hours (1 more of unknown length): {path}\n"
    assert path.read_text() == "V0\nV1\nV2\n"
    assert not (tmp_path / "workspace/splits/drawn-val").exists()


def test_times_only_needs_no_videos(bench, tmp_path):
    result = bench("prepare-splits", f"{__name__}:Drawn", "--times-only", "--limit", 3)
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


def test_a_split_of_the_first_clips_is_not_resumed(bench, tmp_path):
    call = ("prepare-splits", f"{__name__}:Drawn", "--times-only", "--limit", 3)
    assert bench(*call).status == 0
    manifest = tmp_path / "workspace/splits/drawn-val/split.json"
    content = json.loads(manifest.read_text())
    del content["recipe"]["drawn"], content["checksum"]  # as written before clips were drawn
    manifest.write_text(json.dumps(content))
    result = bench(*call)
    assert result.status == 2
    assert "a finished split with other settings (recipe.drawn.rule null → " in result.err


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
