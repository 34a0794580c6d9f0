"""Reports on stderr that a step of unknown length is still running: `Loading LEGO … 12 s`."""

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from egoactgen_bench.support.sharding import ProcessShard

# Seconds until the first report. Refusals come earlier than lines in a log file, and stand alone.
FIRST_DRAWN, FIRST_LINE = 1.0, 4.0
REDRAW, LONGEST = 1.0, 30.0  # seconds between two drawings, and at most between two lines

_nested: list[object] = []  # what reports progress now, the innermost last


def longer(interval: float, elapsed: float) -> float:
    """The seconds until the next line in a log file: up to 4, later a tenth of what has passed."""
    return min(max(min(2 * interval, 4.0), interval, elapsed / 10), LONGEST)


def is_innermost(progress: object) -> bool:
    """Whether `progress` may print: an outer step is silent while an inner one reports."""
    return bool(_nested) and _nested[-1] is progress


@contextmanager
def nested(progress: object) -> Iterator[None]:
    """Let only `progress` print, until an inner step begins or this one ends."""
    _nested.append(progress)
    for outer in _nested:
        if isinstance(outer, WaitingLine):
            outer.clear()
    try:
        yield
    finally:
        _nested[:] = [each for each in _nested if each is not progress]


@contextmanager
def report_waiting(description: str, *, shown: bool = True) -> Iterator["WaitingLine"]:
    """Report a step that takes longer than a moment, unless an inner one reports its own progress.

    On a terminal, the line is redrawn each second and removed at the end. Its `description` may be
    changed at any time.
    """
    line = WaitingLine(description)
    if not shown or ProcessShard.of_process().rank != 0:
        yield line
        return
    thread = threading.Thread(target=line.print_until_ended, daemon=True)
    thread.start()
    try:
        with nested(line):
            yield line
    finally:
        line.ended.set()
        thread.join()
        line.clear()


def tell(sentence: str) -> None:
    """Print a sentence on stderr, above a line or bar that is drawn on the terminal."""
    for progress in _nested:
        clear = getattr(progress, "clear", None)
        if clear is not None:
            clear()
    with suppress(OSError, ValueError):
        print(sentence, file=sys.stderr, flush=True)


class WaitingLine:
    """The line of one step; on a terminal it is replaced, else it is written again."""

    def __init__(self, description: str) -> None:
        self.description = description
        self.ended = threading.Event()
        self._start = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._drawn = 0  # characters on the terminal
        self._lock = threading.Lock()

    def print_until_ended(self) -> None:
        """Print at intervals; without a terminal, at growing ones up to `LONGEST`."""
        interval = FIRST_DRAWN if self._terminal else FIRST_LINE
        while not self.ended.wait(interval):
            with self._lock:
                if is_innermost(self):
                    self._print()
            interval = REDRAW if self._terminal else longer(interval, self._elapsed)

    def clear(self) -> None:
        """Remove the line from the terminal."""
        with self._lock:
            if self._drawn:
                self._write("\r" + " " * self._drawn + "\r")
            self._drawn = 0

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _print(self) -> None:
        text = f"{self.description} … {self._elapsed:.0f} s"
        if self._terminal:
            text = text[: shutil.get_terminal_size().columns - 1]
            self._write("\r" + text.ljust(self._drawn))
            self._drawn = len(text)
        else:
            self._write(text + "\n")

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # stderr may have been closed by its reader
            sys.stderr.write(text)
            sys.stderr.flush()
