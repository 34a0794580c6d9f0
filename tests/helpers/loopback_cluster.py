"""Slurm's programs on this machine: a job's nodes are processes on the loopback interface."""

import os
import random
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"

# Starts one task per node, and passes SIGTERM on to them.
SRUN = """#!{python}
import os, signal, subprocess, sys

words = sys.argv[1:]
while words[0].startswith("--"):
    del words[0]
tasks = [
    subprocess.Popen(words, env=os.environ | {{"SLURM_PROCID": str(n), "SLURM_NODEID": str(n)}})
    for n in range(int(os.environ["SLURM_NNODES"]))
]
signal.signal(signal.SIGTERM, lambda *_: [task.terminate() for task in tasks])
sys.exit(max(abs(task.wait()) for task in tasks))
"""
SCONTROL = """#!/bin/bash
case "$1" in
    show) echo 127.0.0.1; echo 127.0.0.1 ;;
    requeue) echo "$2" >> "$REQUEUED" ;;
esac
"""


def script(name: str) -> str:
    """The script of docs/cluster.md whose first comment names it."""
    block = re.compile(r"^```bash[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
    blocks = block.findall(PAGE.read_text("utf-8"))
    (found,) = (block for block in blocks if f"# {name}:" in block)
    return found


def submit(folder: Path, name: str, *words: object, **environment: str) -> subprocess.Popen[str]:
    """Start a script of the page as `sbatch` would, with two nodes of one device each."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for program, content in (("srun", SRUN.format(python=sys.executable)), ("scontrol", SCONTROL)):
        (programs / program).write_text(content)
        (programs / program).chmod(0o755)
    (folder / name).write_text(script(name))
    slurm = {
        "SLURM_JOB_ID": str(free_port() - 20_000),  # from which the script derives its port
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_NNODES": "2",
        "SLURM_GPUS_ON_NODE": "1",
        "SLURM_CPUS_PER_TASK": "1",
        "REQUEUED": str(folder / "requeued"),
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.Popen(
        ["bash", str(folder / name), *map(str, words)],
        env=os.environ | slurm | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def free_port() -> int:
    """A port between 20,000 and 29,999."""
    while True:
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", random.randrange(20_000, 30_000)))
            return int(free.getsockname()[1])
