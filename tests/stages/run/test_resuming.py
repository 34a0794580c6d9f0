"""The stage run after kills, full disks and damage gives the bytes of an uninterrupted run."""

import errno
import itertools
import signal
import time
from pathlib import Path

import pytest

from egoactgen_bench.artifacts.runs import load_run
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.stages.run import run_method as running
from run_files import bench_process, contents


def test_a_run_killed_repeatedly_ends_with_the_bytes_of_an_uninterrupted_one(
    bench, workspace, module
):
    call = ["run", "--method", f"{module}:Noise", "--batch-size", 1, "-o", "pause=0.1"]
    journal = workspace / "runs/drawn-val/killed/journal"
    for done in (0, 1, 3, 4):
        process = bench_process(*call, "--run", "killed")
        while len(list(journal.glob("[0-9]*.json"))) <= done:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (journal.parent / "run.json").exists()
    assert bench(*call, "--run", "killed").status == 0
    assert bench(*call, "--run", "whole").status == 0
    assert contents(journal.parent) == contents(workspace / "runs/drawn-val/whole")


def test_a_full_disk_is_reported_and_the_run_can_be_resumed(bench, workspace, monkeypatch):
    bench("run", "--method", "copy-input", "--batch-size", 2, "--name", "whole")
    write = Path.write_bytes

    def full(self, data):
        if "V00_3" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        result = bench("run", "--method", "copy-input", "--batch-size", 2)
    assert result.status == 2
    assert "the disk is full" in result.err
    assert bench("run", "--method", "copy-input", "--batch-size", 2).status == 0
    runs = workspace / "runs/drawn-val"
    assert contents(runs / "copy-input") == contents(runs / "whole")


class Killed(BaseException):
    """Simulates a kill: nothing may catch it."""


def test_a_stop_before_or_after_any_write_does_not_change_results(workspace, monkeypatch):
    split = load_split(workspace / "splits/drawn-val")
    expected = contents(running.run("copy-input", split, workspace / "whole", batch_size=2).folder)
    place = Path.replace

    def stopping_at(number, after):
        writes = itertools.count(1)  # images are written by threads; its next() is atomic

        def replace(self, target):
            this = next(writes)
            if this != number or after:
                place(self, target)
            if this == number:
                raise Killed

        return replace

    for number in range(1, 13):  # the plan, 6 images, 3 batches, the table, the manifest
        for after in (False, True):
            folder = workspace / f"stopped-{number}-{after}"
            with monkeypatch.context() as patch:
                patch.setattr(Path, "replace", stopping_at(number, after))
                with pytest.raises(Killed):
                    running.run("copy-input", split, folder, batch_size=2)
            running.run("copy-input", split, folder, batch_size=2)
            assert contents(folder) == expected


def test_an_image_damaged_between_calls_is_generated_again(bench, workspace, module):
    call = ["run", "--method", f"{module}:Noise", "--batch-size", 2]
    assert bench(*call, "--run", "whole").status == 0
    assert bench(*call, "--run", "damaged", "--shard", "1/2").status == 0
    folder = workspace / "runs/drawn-val/damaged"
    (folder / "images/V00_0.png").write_bytes(b"half a fi")
    (folder / "images/V01_1.png").unlink()
    (folder / "images/.V00_3.png.0a1b2c3d.tmp").write_bytes(b"left by a kill")
    assert bench(*call, "--run", "damaged").status == 0
    assert contents(folder) == contents(workspace / "runs/drawn-val/whole")


def test_repeating_rewrites_nothing_and_another_plan_is_rejected(bench, workspace, module):
    call = ["run", "--method", f"{module}:Noise", "--run", "mine"]
    bench(*call)
    folder = workspace / "runs/drawn-val/mine"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    again = bench(*call)
    assert (again.status, again.err) == (0, "")
    assert "is already complete" in again.out
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before

    other = bench(*call, "--seed", 1, "-o", "size=9")
    assert other.status == 2
    assert (
        "contains a finished run with other settings (options.resolved.size 8 → 9, seed 0 → 1)"
        in other.err
    )
    assert "--name" in other.err
    assert "--overwrite" in other.err
    assert bench(*call, "--seed", 1, "-o", "size=9", "--overwrite").status == 0
    assert load_run(folder).manifest.seed == 1

    bench(*call[:-1], "part", "--shard", "1/2")
    unfinished = bench(*call[:-1], "part", "--limit", 3)
    assert unfinished.status == 2
    assert "contains an unfinished run with other settings (limit null → 3)" in unfinished.err
