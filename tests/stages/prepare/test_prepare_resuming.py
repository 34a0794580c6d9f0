"""Preparing a split again: after a kill, a full disk or failed samples, and with other settings."""

import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import drawn_dataset
from drawn_dataset import Drawn, draw_videos, folder_contents
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.prepare import extraction
from egoactgen_bench.stages.prepare.prepare_split import prepare
from egoactgen_bench.stages.prepare.split_plan import plan_split
from egoactgen_bench.support import files


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
    before = folder_contents(tmp_path)
    with pytest.raises(BenchError, match=rf"{name} is a link that leads out of"):
        make(overwrite=overwrite)
    assert folder_contents(tmp_path) == before


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
    assert folder_contents(tmp_path / "whole") == folder_contents(split)


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
    monkeypatch.setattr(drawn_dataset, "CLIPS", 20)
    monkeypatch.setenv("DRAWN_CLIPS", "20")
    videos = draw_videos(tmp_path / "videos", 20, scale=4)
    program = "from egoactgen_bench.cli import main; main()"
    call = ["prepare-splits", "drawn_dataset:Drawn", "--videos", videos, "--workers", 2]
    split = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, call), "--out", str(split)],
        cwd=Path(drawn_dataset.__file__).parent,  # from where it is imported
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
    assert folder_contents(split) == folder_contents(tmp_path / "whole")


def test_a_full_disk_is_one_sentence_and_the_same_command_resumes(bench, videos, monkeypatch):
    call = ("prepare-splits", "drawn_dataset:Drawn", "--videos", videos, "--workers", 1)
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


def test_failed_samples_are_tried_again_by_the_same_command(bench, videos, tmp_path):
    shutil.move(videos / "V2", tmp_path / "V2")
    call = ("prepare-splits", "drawn_dataset:Drawn", "--videos", videos, "--workers", 1)
    assert bench(*call).status == 1
    assert bench(*call).status == 1
    shutil.move(tmp_path / "V2", videos / "V2")
    result = bench(*call)
    assert (result.status, result.err) == (0, "")
    assert "5 of them were extracted by an earlier call" in result.out
    split = tmp_path / "workspace/splits/drawn-val"
    made_in_parts = folder_contents(split)
    assert bench(*call, "--overwrite").status == 0
    assert folder_contents(split) == made_in_parts
    assert "already complete" in bench(*call).out


def test_another_recipe_is_refused_until_overwritten(bench, videos, tmp_path):
    call = ("prepare-splits", "drawn_dataset:Drawn", "--videos", videos, "--workers", 1)
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


def test_the_split_to_overwrite_is_kept_if_the_folder_is_wrong(bench, videos, tmp_path):
    call = ("prepare-splits", "drawn_dataset:Drawn", "--workers", 1, "--videos")
    assert bench(*call, videos).status == 0
    before = folder_contents(tmp_path / "workspace/splits/drawn-val")
    assert bench(*call, tmp_path, "--overwrite").status == 2
    assert folder_contents(tmp_path / "workspace/splits/drawn-val") == before


def test_a_split_of_the_first_clips_is_not_resumed(bench, tmp_path):
    call = ("prepare-splits", "drawn_dataset:Drawn", "--times-only", "--limit", 3)
    assert bench(*call).status == 0
    manifest = tmp_path / "workspace/splits/drawn-val/split.json"
    content = json.loads(manifest.read_text())
    del content["recipe"]["drawn"], content["checksum"]  # as written before clips were drawn
    manifest.write_text(json.dumps(content))
    result = bench(*call)
    assert result.status == 2
    assert "a finished split with other settings (recipe.drawn.rule null → " in result.err
