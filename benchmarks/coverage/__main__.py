"""Simulate the coverage of the toolkit's intervals and the error rate of its tests.

    python -m benchmarks.coverage --csv results/measured/coverage.csv

Writes the table of cells and, next to it, a summary as Markdown. Equal calls give equal numbers.
"""

import argparse
from itertools import chain
from pathlib import Path

import pandas as pd

from benchmarks.coverage import agreements, correlations, distances, means, seeds, studies
from benchmarks.coverage.summary import markdown
from egoactgen_bench.support.files import write_csv, write_text

PARTS = ("means", "tests", "studies", "leads", "distances", "correlations", "agreements")


def main() -> None:
    """Simulate everything and write the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--csv", type=Path, required=True, help="file of the table")
    parser.add_argument("--replicates", type=int, default=2000, help="of intervals of means")
    parser.add_argument("--tests", type=int, default=1000, help="replicates of paired tests")
    parser.add_argument("--studies", type=int, default=200, help="replicates of studies")
    parser.add_argument("--leads", type=int, default=2000, help="of leads over trainings")
    parser.add_argument("--distances", type=int, default=300, help="of KID")
    parser.add_argument("--correlations", type=int, default=500, help="of metrics")
    parser.add_argument("--agreements", type=int, default=400, help="of metrics with raters")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="keep the other rows of the file"
    )
    options = parser.parse_args()
    parts = {
        "means": lambda: means.intervals(options.replicates),
        "tests": lambda: means.tests(options.tests),
        "studies": lambda: chain(
            studies.win_rates(options.studies), studies.alphas(options.studies)
        ),
        "leads": lambda: seeds.leads(options.leads),
        "distances": lambda: distances.kernel_distances(options.distances),
        "correlations": lambda: correlations.correlations(options.correlations),
        "agreements": lambda: agreements.agreements(options.agreements),
    }
    table = pd.DataFrame([row for part in options.parts for row in parts[part]()]).round(4)
    if options.csv.is_file() and len(options.parts) < len(PARTS):
        kept = pd.read_csv(options.csv)
        table = pd.concat([kept[~kept["what"].isin(table["what"])], table], ignore_index=True)
    write_csv(options.csv, table)
    write_text(options.csv.with_suffix(".md"), markdown(table))


if __name__ == "__main__":
    main()
