"""docs/cluster.md: its scripts run on stand-ins for Slurm, and its commands are parsed."""

import re
import shlex
import signal
import subprocess
import time

import pytest
import typer
from accelerate.commands.launch import launch_command_parser

from egoactgen_bench.cli.app import build
from guide_blocks import read
from loopback_cluster import PAGE, script, submit

TEXT = PAGE.read_text(encoding="utf-8")
SCRIPTS = ("nodes.sbatch", "shards.sbatch", "sharded.sbatch")


def blocks():
    return re.findall(r"^```bash[^\n]*\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def commands():
    lines = "".join(block for block in blocks() if "#!" not in block).replace("\\\n", " ")
    called = [shlex.split(line) for line in lines.splitlines() if " bench " in line]
    return [words[words.index("bench") + 1 :] for words in called]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_program_accepts_the_commands(words):
    name, _ = read(typer.main.get_command(build()), words)
    connected = {"train", "run", "score", "lego enrich", "lego embed", "lego tune"}
    assert name in connected


def test_every_block_is_a_script_or_uses_one():
    for name in SCRIPTS:
        assert f"sbatch {name} bench" in TEXT
        assert subprocess.run(["bash", "-n"], input=script(name), text=True).returncode == 0
    others = [block for block in blocks() if "#!" not in block]
    assert all(block.startswith(("sbatch", "torchrun", "srun")) for block in others)


def test_an_array_gives_each_task_its_shard(tmp_path):
    script_text = script("shards.sbatch")
    first, last = re.search(r"--array=(\d+)-(\d+)", script_text).groups()
    assert first == "1"
    for task in range(1, int(last) + 1):
        job = submit(tmp_path, "shards.sbatch", "echo", "bench", SLURM_ARRAY_TASK_ID=str(task))
        assert job.communicate()[0] == f"bench --shard {task}/{last}\n"


def test_a_job_is_requeued_before_its_time_ends(tmp_path):
    (tmp_path / "programs").mkdir()
    torchrun = tmp_path / "programs" / "torchrun"
    torchrun.write_text(
        "#!/bin/bash\n"
        'touch "$STARTED-$SLURM_NODEID"\n'
        'while [ ! -e "$STARTED-stop" ]; do sleep 0.05; done\n'
    )
    torchrun.chmod(0o755)
    started = tmp_path / "started"
    job = submit(tmp_path, "nodes.sbatch", "bench", "score", STARTED=str(started))
    try:
        while not all((tmp_path / f"started-{node}").is_file() for node in (0, 1)):
            assert job.poll() is None
            time.sleep(0.02)
        job.send_signal(signal.SIGUSR1)
        assert job.wait(timeout=20) != 0
    finally:
        (tmp_path / "started-stop").touch()
        job.communicate(timeout=20)  # until both stand-ins have ended; their output ends with them
    assert len((tmp_path / "requeued").read_text().splitlines()) == 1


def test_each_node_launches_its_part_of_a_sharded_tuning(tmp_path):
    (tmp_path / "programs").mkdir()
    accelerate = tmp_path / "programs" / "accelerate"
    accelerate.write_text('#!/bin/bash\nprintf "%s " "$@" > "$CALLS-$SLURM_NODEID"\n')
    accelerate.chmod(0o755)
    calls = tmp_path / "calls"
    job = submit(tmp_path, "sharded.sbatch", "bench", "lego", "tune", CALLS=str(calls))
    assert job.wait(timeout=20) == 0
    for node in (0, 1):
        words = shlex.split((tmp_path / f"calls-{node}").read_text())
        assert words.pop(0) == "launch"
        read_back = launch_command_parser().parse_args(words)
        assert (read_back.num_machines, read_back.num_processes) == (2, 2)
        assert read_back.machine_rank == node
        assert read_back.main_process_ip == "127.0.0.1"
        assert [read_back.training_script, *read_back.training_script_args] == [
            "bench",
            "lego",
            "tune",
        ]
        assert (PAGE.parents[1] / read_back.config_file).is_file()


def test_one_of_two_processes_gets_the_lock(tmp_path):
    (block,) = (block for block in blocks() if block.startswith("srun"))
    programs = submit(tmp_path, "shards.sbatch", "true", SLURM_ARRAY_TASK_ID="1")
    programs.wait()
    environment = {
        "PATH": f"{tmp_path / 'programs'}:/usr/bin:/bin",
        "SLURM_NNODES": "2",
        "BENCH_WORKSPACE": str(tmp_path),
    }
    done = subprocess.run(
        ["bash", "-c", block.replace("sleep 5", "sleep 1")],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "locked\n"
