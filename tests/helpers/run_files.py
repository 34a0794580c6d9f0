"""Contents of runs, and `bench` in separate processes."""

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pandas as pd

# Of run.json; `files` has the hash of samples.csv, which states seconds and is compared without.
VOLATILE = {"timing", "device", "versions", "checksum", "files"}


def contents(folder):
    """Every file of a run by relative path, without values that may differ between repetitions."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        if path.name == "run.json":
            manifest = json.loads(data)
            data = {key: manifest[key] for key in manifest.keys() - VOLATILE}
        if path.name == "samples.csv":
            data = pd.read_csv(BytesIO(data)).drop(columns="seconds").to_csv()
        found[str(path.relative_to(folder))] = data
    return found


def bench_process(*arguments, **environment):
    program = Path(sys.executable).with_name("bench")
    return subprocess.Popen(
        [program, *map(str, arguments)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
