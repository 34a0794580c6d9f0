"""Progress on stderr: a bar on a terminal, else a line from time to time, as in a log file."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol

from egoactgen_bench.support.byte_counts import byte_text
from egoactgen_bench.support.waiting import is_innermost, longer, nested

if TYPE_CHECKING:
    from tqdm import tqdm

FIRST = 1.0  # seconds until the first line
REDRAW = 1.0  # seconds between two drawings of a bar whose count does not change
BYTES = "B"  # the unit whose counts are printed as sizes


class Progress(Protocol):
    """What reports progress."""

    def update(self, count: int = 1) -> object:
        """Count further units as done."""

    def set_description(self, text: str) -> object:
        """Replace the text in front of the counts."""

    def set_postfix_str(self, text: str, refresh: bool = True) -> object:
        """Replace the text after the counts, such as `loss 0.0123`; "" removes it."""


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

        with (
            tqdm(
                desc=description,
                total=total or None,
                initial=initial,
                unit=unit if unit == BYTES else f" {unit}",
                unit_scale=unit == BYTES,
                disable=not shown,
                leave=False,
            ) as bar,
            _redrawn(bar, shown),
        ):
            yield bar
        return
    with report_lines(description, total, unit, initial=initial, first=first) as lines:
        yield lines


@contextmanager
def _redrawn(bar: "tqdm[Any]", shown: bool) -> Iterator[None]:
    """Redraw a bar regularly, so that its elapsed time shows that a long step is still running."""
    ended = threading.Event()

    def redraw() -> None:
        while not ended.wait(REDRAW):
            if is_innermost(bar):
                bar.refresh()

    if not shown:
        yield
        return
    thread = threading.Thread(target=redraw, daemon=True)
    thread.start()
    try:
        with nested(bar):
            yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def report_lines(
    description: str, total: int, unit: str, *, initial: int = 0, first: float | None = None
) -> Iterator[Progress]:
    """As `report_progress` without a terminal; a `total` of 0 is unknown."""
    lines = ProgressLines(description, total, unit, initial)
    # A thread, so that the first line does not wait for a network to be loaded.
    interval = FIRST if first is None else first
    thread = threading.Thread(target=lines.print_until_ended, args=[interval], daemon=True)
    thread.start()
    try:
        with nested(lines):
            yield lines
    finally:
        lines.ended.set()
        thread.join()


class ProgressLines:
    """Progress as lines at growing intervals; commands of less than a second print none."""

    def __init__(self, description: str, total: int, unit: str, initial: int = 0) -> None:
        self.description, self.unit, self.postfix = description, unit, ""
        self.total, self.initial, self.done = total, initial, initial
        self.ended = threading.Event()
        self._start = time.monotonic()

    def update(self, count: int = 1) -> None:
        self.done += count

    def set_description(self, text: str) -> None:
        self.description = text

    def set_postfix_str(self, text: str, refresh: bool = True) -> None:
        self.postfix = text

    def print_until_ended(self, interval: float) -> None:
        """Print a line after `interval` seconds, and then at growing intervals up to 30 s."""
        while not self.ended.wait(interval):
            elapsed = time.monotonic() - self._start
            interval = longer(interval, elapsed)
            if not is_innermost(self):
                continue
            with suppress(OSError, ValueError):  # stderr may have been closed by its reader
                print(self.line(elapsed), file=sys.stderr, flush=True)

    def line(self, seconds: float) -> str:
        """`train: 400 of 1,000 steps, loss 0.0123, 3.3 steps/s, about 3 min left`."""
        parts = [f"{self.description}: " * bool(self.description) + self._counts()]
        parts += [self.postfix] if self.postfix else []
        new = self.done - self.initial
        if new and seconds:
            parts.append(self._rate(new / seconds))
            if self.total:
                left = seconds * max(self.total - self.done, 0) / new
                parts.append(f"about {_duration(left)} left")
        elif seconds > 2:  # the same line as before would look like a standstill
            parts.append(f"{_duration(seconds)} so far")
        return ", ".join(parts)

    def _counts(self) -> str:
        if self.unit == BYTES:
            done = byte_text(self.done)
            return f"{done} of {byte_text(self.total)}" if self.total else done
        of = f" of {self.total:,}" if self.total else ""
        unit = self.unit if of == "" and self.done == 1 else _plural(self.unit)
        return f"{self.done:,}{of} {unit}"

    def _rate(self, per_second: float) -> str:
        if self.unit == BYTES:
            return f"{byte_text(per_second)}/s"
        if per_second < 1:
            return f"{1 / per_second:.1f} s/{self.unit}"
        return f"{per_second:.1f} {_plural(self.unit)}/s"


def _plural(unit: str) -> str:
    return f"{unit}es" if unit.endswith("ch") else f"{unit}s"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
