"""The stage run in shards and ranks gives the bytes of one run in one process."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from egoactgen_bench.artifacts import manifest_base
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.errors import BenchError
from egoactgen_bench.stages.run import run_method as running
from egoactgen_bench.support.sharding import ProcessShard, launch_notice
from run_files import bench_process, contents


def test_shards_in_one_folder_or_copied_together_give_the_bytes_of_one_run(
    bench, workspace, module
):
    call = ["run", "--method", f"{module}:Noise", "--batch-size", 1]
    assert bench(*call, "--run", "whole").status == 0
    expected = contents(workspace / "runs/drawn-val/whole")

    for shard in ("3/3", "1/3"):
        result = bench(*call, "--run", "shared", "--shard", shard)
        assert result.status == 0
        assert f"shard {shard} is done, 2 images" in result.out
        assert not (workspace / "runs/drawn-val/shared/run.json").exists()
    assert "6 of 6 images" in bench(*call, "--run", "shared", "--shard", "2/3").out
    assert contents(workspace / "runs/drawn-val/shared") == expected

    for shard in (1, 2):
        bench(*call, "--out", workspace / f"part-{shard}", "--shard", f"{shard}/2")
        shutil.copytree(workspace / f"part-{shard}", workspace / "joined", dirs_exist_ok=True)
    assert "6 of 6 images" in bench(*call, "--out", workspace / "joined").out
    assert contents(workspace / "joined") == expected


def test_a_killed_shard_repeats_only_its_unfinished_batches(bench, workspace, module):
    call = ["run", "--method", f"{module}:Noise", "--batch-size", 1, "-o", "pause=0.5"]
    shard = bench_process(
        *call, "--run", "shared", "--shard", "2/2", BENCH_WORKSPACE=str(workspace)
    )
    journal = workspace / "runs/drawn-val/shared/journal"
    while not (journal / "000001.json").is_file():
        assert shard.poll() is None, shard.communicate()
        time.sleep(0.02)
    shard.kill()
    shard.communicate()
    entries = [json.loads(path.read_text()) for path in journal.glob("*.json")]
    assert 0 < len(entries) < 3
    images = [workspace / "runs/drawn-val/shared" / e["rows"][0]["image"] for e in entries]
    times = [path.stat().st_mtime_ns for path in images]
    assert bench(*call, "--run", "shared", "--shard", "1/2").status == 0
    assert "6 of 6 images" in bench(*call, "--run", "shared", "--shard", "2/2").out
    assert times == [path.stat().st_mtime_ns for path in images]
    bench(*call, "--run", "whole")
    assert contents(workspace / "runs/drawn-val/shared") == contents(
        workspace / "runs/drawn-val/whole"
    )


def test_another_process_completes_the_run_while_this_one_writes_it(workspace, monkeypatch):
    split = load_split(workspace / "splits/drawn-val")
    first = running.run("copy-input", split, workspace / "first")
    write_json = manifest_base.write_json

    def overtaken(path, value):
        if path.name != "run.json":
            return write_json(path, value)
        monkeypatch.setattr(manifest_base, "write_json", write_json)
        running.run("copy-input", split, workspace / "both")
        raise FileNotFoundError(path)  # its temporary file was deleted by the other process

    monkeypatch.setattr(manifest_base, "write_json", overtaken)
    done = running.run("copy-input", split, workspace / "both")
    assert done.samples["sha256"].tolist() == first.samples["sha256"].tolist()
    assert not list((workspace / "both").glob(".*.tmp"))


def test_torchrun_s_processes_share_the_batches_and_only_rank_0_reports(bench, workspace, module):
    call = ["run", "--method", f"{module}:Faulty", "--batch-size", 1]
    assert bench(*call, "--run", "whole").status == 1
    ranks = [
        bench_process(*call, "--run", "ranks", RANK=str(rank), WORLD_SIZE="2") for rank in (0, 1)
    ]
    outputs = [process.communicate(timeout=60) for process in ranks]
    assert [process.returncode for process in ranks] == [1, 0]
    assert "1 of 6 images" in outputs[0][0]
    assert outputs[1] == ("", "")
    assert contents(workspace / "runs/drawn-val/ranks") == contents(
        workspace / "runs/drawn-val/whole"
    )


def test_shards_are_disjoint_and_cover_every_batch():
    for shards, ranks, batches in [(1, 1, 7), (3, 2, 20), (2, 4, 5)]:
        owned = [
            batch
            for shard in range(1, shards + 1)
            for rank in range(ranks)
            for batch in ProcessShard.of_process(
                f"{shard}/{shards}", {"RANK": str(rank), "WORLD_SIZE": str(ranks)}
            ).of_rank(batches)
        ]
        assert sorted(owned) == list(range(batches))
    for wrong in ("0/2", "3/2", "1", "a/b", "1/0", "-1/2"):
        with pytest.raises(BenchError, match="have the form i/n"):
            ProcessShard.of_process(wrong, {})


def test_a_wrong_shard_names_the_slurm_array_that_counts_from_1(bench, workspace):
    result = bench("run", "--method", "copy-input", "--shard", "0/4")
    assert result.status == 2
    assert "i from 1 to n, such as 1/4 (in a Slurm array of 4 tasks: --array=1-4)" in result.err


# What `accelerate launch --cpu --num_processes 2` and `srun --ntasks 4` set.
ACCELERATE = {"ACCELERATE_USE_CPU": "True", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
SRUN = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "2"}


def test_processes_that_are_not_connected_are_noticed(bench, monkeypatch):
    assert "on CPUs it starts one: use torchrun" in launch_notice([], ACCELERATE)
    assert "srun started 4 processes" in launch_notice(["score"], SRUN)
    connected = {"RANK": "0", "WORLD_SIZE": "2"}
    for environment in (
        {},
        ACCELERATE | connected,
        SRUN | connected,
        {"SLURM_STEP_NUM_TASKS": "1"},
    ):
        assert launch_notice(["score"], environment) is None
    assert launch_notice(["run", "--shard=3/4"], SRUN) is None
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    assert bench("methods").err.startswith("note: srun started 4 processes")


def test_overwriting_one_shard_keeps_the_others(bench, workspace, module):
    call = ["run", "--method", f"{module}:Noise", "--run", "mine", "--batch-size", 1]
    bench(*call, "--shard", "1/2")
    bench(*call, "--shard", "1/2", "--overwrite")
    assert "6 of 6" in bench(*call, "--shard", "2/2", "--overwrite").out


def test_torchrun_itself_ends_with_the_run_s_status(bench, workspace):
    program = Path(sys.executable).with_name("bench")
    call = ["run", "--method", "copy-input", "--batch-size", "1", "--name"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launched = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "--no-python", program, *call, "launched"],
        capture_output=True,
        text=True,
    )
    assert launched.returncode == 0, launched.stderr
    assert launched.stdout.count("6 of 6 images") == 1
    bench(*call, "whole")
    runs = workspace / "runs/drawn-val"
    assert contents(runs / "launched") == contents(runs / "whole")
