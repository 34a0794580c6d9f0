"""What the fuzzers share: cases and their table, a limit of time, and the command line."""

import argparse
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

SECONDS = 30  # longest that a case may take


@dataclass(frozen=True)
class Case:
    """One damaged file: its group in the table, what was done, and how it ended.

    `fault` is what is undocumented about it, else ''.
    """

    number: int
    group: str
    what: str
    outcome: str
    fault: str = ""


class Hang(BaseException):
    """A case that takes too long; not an `Exception`, which a reader may catch."""


@contextmanager
def limited(seconds: int = SECONDS) -> Iterator[None]:
    """Raise `Hang` if the block takes longer."""

    def stop(*_: object) -> None:
        raise Hang(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def description(error: BaseException) -> str:
    """An exception that left a reader, and where it was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"[:400]


def table(cases: Iterable[Case], group: str, outcomes: Sequence[str]) -> pd.DataFrame:
    """How many cases of each group had which outcome."""
    columns = ["cases", *outcomes, "undocumented"]
    counts: dict[str, Counter[str]] = {}
    for case in cases:
        outcome = "undocumented" if case.fault else case.outcome
        counts.setdefault(case.group, Counter()).update(["cases", outcome])
    rows = [{group: name} | {key: counts[name][key] for key in columns} for name in counts]
    return pd.DataFrame(rows, columns=[group, *columns]).sort_values(group)


def command_line(
    text: str,
    draw: Callable[[Iterable[int], int], Iterator[Case]],
    group: str,
    outcomes: Sequence[str],
) -> None:
    """Run a fuzzer: `draw` gives the cases of some numbers and a seed; `text` is for --help."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="file of the results table")
    chosen = parser.parse_args()
    begun = time.monotonic()
    cases = []
    for case in draw(range(chosen.first, chosen.first + chosen.cases), chosen.seed):
        cases.append(case)
        if case.fault:
            print(f"{case.number}: {case.what}\n  {case.fault}", flush=True)
    found = table(cases, group, outcomes)
    print(found.to_string(index=False))
    print(f"{len(cases):,} cases in {time.monotonic() - begun:,.0f} s")
    if chosen.csv:
        found.to_csv(chosen.csv, index=False, lineterminator="\n")
    sys.exit(1 if found["undocumented"].sum() else 0)
