"""Measure every stage on 1,000, 10,000 and 100,000 tiny samples, and how its cost grows.

    python -m benchmarks.load --folder /tmp/load --counts 1000 10000 --csv results/measured/load.csv
    python -m benchmarks.load --folder /tmp/load --counts 100000 --csv results/measured/load.csv

A first workspace of 20 samples gives the start-up of each command, which is subtracted. Times are
seconds of the processor, with those of child processes. Rows of other counts are kept in the file.
"""

import argparse
import shutil
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from benchmarks.load import growth
from benchmarks.load.drawing import draw
from benchmarks.load.stages import SPLIT, commands, measure
from egoactgen_bench.support.files import write_csv

STARTUP = 20


def costs(folder: Path, count: int, workers: int) -> pd.DataFrame:
    """One row per stage, each measured in an empty workspace of `count` samples."""
    draw(folder, count)
    shutil.rmtree(folder / "workspace", ignore_errors=True)
    rows = []
    for stage, arguments in commands(folder, workers).items():
        cost = measure(arguments, folder)
        rows.append({"samples": count, "stage": stage} | asdict(cost))
        print(
            f"{count:>7,} {stage:24} {cost.cpu_seconds:8.1f} s {cost.peak_mb:8.1f} MB", flush=True
        )
    table = pd.DataFrame(rows)
    page = folder / "workspace" / "reports" / SPLIT / "index.html"
    table.loc[table["stage"] == "report", "page_mb"] = page.stat().st_size / 1e6
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="folder of the drawn inputs")
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--csv", type=Path, help="where to write the table")
    options = parser.parse_args()
    kept = pd.DataFrame()
    if options.csv and options.csv.is_file():
        kept = pd.read_csv(options.csv)
        kept = kept[~kept["samples"].isin([STARTUP, *options.counts])]
    for count in (STARTUP, *options.counts):
        found = costs(options.folder.resolve() / str(count), count, options.workers)
        kept = pd.concat([kept, found.round(2)]).sort_values("samples", kind="stable")
        if options.csv:
            write_csv(options.csv, kept)
    print(growth.table(kept).to_string(index=False))


if __name__ == "__main__":
    main()
