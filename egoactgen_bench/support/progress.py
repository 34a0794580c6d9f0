"""Progress on stderr: a bar on a terminal, else a line from time to time, as in a log file."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

FIRST, LONGEST = 1.0, 60.0  # seconds until the first line, and at most between two lines


class Progress(Protocol):
    """What reports progress."""

    def update(self, count: int = 1) -> object:
        """Count further units as done."""

    def set_description(self, text: str) -> object:
        """Replace the text in front of the counts."""


@contextmanager
def report_progress(
    description: str,
    total: int,
    unit: str,
    *,
    initial: int = 0,
    shown: bool = True,
    first: float | None = None,
) -> Iterator[Progress]:
    """Report how many of `total` units are done, of which `initial` were done before.

    `first` is the number of seconds until the first line without a terminal (default: `FIRST`).
    """
    if not shown or sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(
            desc=description,
            total=total,
            initial=initial,
            unit=unit,
            disable=not shown,
            leave=False,
        ) as bar:
            yield bar
        return
    lines = ProgressLines(description, total, unit, initial)
    # A thread, so that the first line does not wait for a network to be loaded.
    interval = FIRST if first is None else first
    thread = threading.Thread(target=lines.print_until_ended, args=[interval], daemon=True)
    thread.start()
    try:
        yield lines
    finally:
        lines.ended.set()
        thread.join()


class ProgressLines:
    """Progress as lines at growing intervals; commands of less than a second print none."""

    def __init__(self, description: str, total: int, unit: str, initial: int = 0) -> None:
        self.description, self.unit = description, unit
        self.total, self.initial, self.done = total, initial, initial
        self.ended = threading.Event()
        self._start = time.monotonic()

    def update(self, count: int = 1) -> None:
        self.done += count

    def set_description(self, text: str) -> None:
        self.description = text

    def print_until_ended(self, interval: float) -> None:
        """Print a line after `interval` seconds, and then at doubled ones up to `LONGEST`."""
        while not self.ended.wait(interval):
            with suppress(OSError, ValueError):  # stderr may have been closed by its reader
                print(self.line(time.monotonic() - self._start), file=sys.stderr, flush=True)
            interval = min(2 * interval, LONGEST)

    def line(self, seconds: float) -> str:
        """`score: 4,000 of 10,000 samples, about 3 min left`."""
        text = f"{self.done:,} of {self.total:,} {self.unit}s"
        text = f"{self.description}: {text}" if self.description else text
        if self.done == self.initial:
            return text
        left = seconds * (self.total - self.done) / (self.done - self.initial)
        return f"{text}, about {_duration(left)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
