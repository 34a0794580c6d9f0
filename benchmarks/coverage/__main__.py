"""Simulate the coverage of the toolkit's intervals and the error rate of its tests.

    python -m benchmarks.coverage --csv results/measured/coverage.csv

Writes the table of cells and, next to it, a summary as Markdown. Equal calls give equal numbers.
"""

import argparse
from itertools import chain
from pathlib import Path

import pandas as pd

from benchmarks.coverage import means, studies
from benchmarks.coverage.summary import markdown
from egoactgen_bench.support.files import write_csv, write_text


def main() -> None:
    """Simulate everything and write the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--csv", type=Path, required=True, help="file of the table")
    parser.add_argument("--replicates", type=int, default=2000, help="of intervals of means")
    parser.add_argument("--tests", type=int, default=1000, help="replicates of paired tests")
    parser.add_argument("--studies", type=int, default=200, help="replicates of studies")
    options = parser.parse_args()
    rows = chain(
        means.intervals(options.replicates),
        means.tests(options.tests),
        studies.win_rates(options.studies),
        studies.alphas(options.studies),
    )
    table = pd.DataFrame(list(rows)).round(4)
    write_csv(options.csv, table)
    write_text(options.csv.with_suffix(".md"), markdown(table))


if __name__ == "__main__":
    main()
