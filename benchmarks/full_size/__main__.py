"""Convert, train and run weights of the published sizes on the CPU; seconds and peak memory.

    python -m benchmarks.full_size --folder /tmp/full --csv results/measured/full-size.csv
    python -m benchmarks.full_size --folder /tmp/tiny --size tiny

Checkpoints with random values are written in the published layouts, of Stable Diffusion 1.5, of
LEGO and of LLaVA 7B. Each command is a process of its own; its peak memory includes pages of files
that it maps, which the system can drop. 30 GB on disk are needed. `--parts` chooses some parts;
`lora` and `training` begin with the weights of `stable-diffusion`. Rows of other parts are kept.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.full_size import parts
from benchmarks.load import measured_process
from egoactgen_bench.support.files import write_csv

BENCH = "from egoactgen_bench.cli import main; main()"


def measure(arguments: Sequence[str], workspace: Path, threads: int) -> dict[str, Any]:
    """The status, messages and cost of one command."""
    environment = os.environ | {
        "BENCH_WORKSPACE": str(workspace),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": str(threads),
    }
    command = [sys.executable, measured_process.__file__, sys.executable, "-c", BENCH, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="for weights and results")
    parser.add_argument("--parts", nargs="+", choices=parts.PARTS, default=list(parts.PARTS))
    parser.add_argument("--size", choices=parts.SIZES, default="full", help="half: all widths")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--csv", type=Path, help="where to write the table")
    chosen = parser.parse_args(words)
    workspace = chosen.folder.resolve()
    size = parts.SIZES[chosen.size]
    parts.prepare(workspace)
    known = pd.read_csv(chosen.csv) if chosen.csv and chosen.csv.is_file() else pd.DataFrame()
    if len(known):
        same = (known["size"] == size.name) & known["part"].isin(chosen.parts)
        known = known[~same]
    failed = 0
    for name in chosen.parts:
        for title, arguments in parts.PARTS[name](workspace, size):
            found = measure(arguments, workspace, chosen.threads)
            cost = found["cost"]
            row = {"size": size.name, "part": name, "command": title, "status": found["status"]}
            row |= {"seconds": round(cost["seconds"], 1)}
            row |= {"cpu_seconds": round(cost["cpu_seconds"], 1)}
            row |= {"peak_gb": round(cost["peak_mb"] / 1000, 2)}
            print(row, flush=True)
            if found["status"]:
                failed += 1
                print(found["stderr"], file=sys.stderr)
            known = pd.concat([known, pd.DataFrame([row])], ignore_index=True)
            if chosen.csv:
                write_csv(chosen.csv, known)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
