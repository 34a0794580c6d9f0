"""The stages as commands, and what each of them costs in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

RUNS = ("copy-input", "made")
SPLIT, TIMES, GROUP, STUDY = "load", "load-times", "load", "load"
METRIC = "benchmarks.load.small_features:SmallFid"
EXAMPLES = 60
OF_ALL_RUNS = ("score psnr", "score fid", "report", "export-amt", "pack", "verify archive",
               "verify scores")  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """What a command cost: seconds of the processor and of the clock, and peak memory.

    `peak_mb` is that of the largest process; `first_line` the seconds until the first character on
    stderr, None if there is none.
    """

    cpu_seconds: float
    seconds: float
    peak_mb: float
    first_line: float | None


def commands(folder: Path, workers: int) -> dict[str, list[str]]:
    """Stage → the arguments of `bench`, in order."""
    workspace = folder / "workspace"
    source = ["epic-kitchens", "--annotations", str(folder / "annotations.csv")]
    frames = ["--videos", str(folder / "videos"), "--size", "32", "--workers", str(workers)]
    return {
        "prepare-splits, times": ["prepare-splits", *source, "--times-only", "--name", TIMES],
        "prepare-splits, frames": ["prepare-splits", *source, *frames, "--name", SPLIT],
        "run copy-input": ["run", "--method", "copy-input", "--split", SPLIT],
        "run images:": ["run", "--method", f"images:{folder / 'made'}", "--split", SPLIT,
                        "--name", "made"],
        "score psnr": ["score", "--metrics", "psnr", "--split", SPLIT],
        "score fid": ["score", "--metrics", f"psnr,{METRIC}", "--split", SPLIT],
        "report": ["report", "--split", SPLIT],
        "export-amt": ["export-amt", "--split", SPLIT, "--examples", str(EXAMPLES),
                       "--name", STUDY],
        "pack": ["pack", "--split", SPLIT, "--group", GROUP],
        "verify split": ["verify", str(workspace / "splits" / SPLIT)],
        "verify run": ["verify", str(workspace / "runs" / SPLIT / "made")],
        "verify scores": ["verify", str(workspace / "scores" / SPLIT / "standard")],
        "verify archive": ["verify", str(workspace / "packs" / f"{SPLIT}-{GROUP}.zip")],
    }  # fmt: skip


def measure(arguments: list[str], folder: Path) -> Cost:
    """Run one command without a terminal and measure it with the processes that it starts."""
    repository = str(Path(__file__).parents[2])
    environment = os.environ | {
        "BENCH_WORKSPACE": str(folder / "workspace"),
        "PYTHONPATH": os.pathsep.join(filter(None, [repository, os.environ.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    program = [sys.executable, "-c", "from egoactgen_bench.cli import main; main()"]
    runner = [sys.executable, str(Path(__file__).with_name("measured_process.py"))]
    done = subprocess.run(
        [*runner, *program, *arguments],
        check=True, capture_output=True, text=True, env=environment, cwd=folder,
    )  # fmt: skip
    found = json.loads(done.stdout)
    if found["status"]:
        command = " ".join(arguments)
        raise RuntimeError(f"bench {command} exited with {found['status']}: {found['stderr']}")
    return Cost(**found["cost"])
