"""Steps of unknown length: lines without a terminal, one redrawn line on a terminal."""

import io
import re
import time
from collections.abc import Callable
from contextlib import redirect_stderr

import pytest

from egoactgen_bench.support import progress, waiting
from egoactgen_bench.support.progress import report_progress
from egoactgen_bench.support.waiting import report_waiting, tell


class Terminal(io.StringIO):
    """A terminal that records what is written to it."""

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> list[str]:
        """The lines that remain visible."""
        lines = []
        for line in self.getvalue().split("\n"):
            shown = ""
            for text in line.split("\r"):
                shown = text + shown[len(text) :]
            lines.append(shown.rstrip())
        return lines


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    for name in ("FIRST_DRAWN", "FIRST_LINE", "REDRAW"):
        monkeypatch.setattr(waiting, name, 0.01)
    monkeypatch.setattr(progress, "REDRAW", 0.01)
    monkeypatch.setattr(progress, "FIRST", 0.01)


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for another thread; at most as long as a busy machine may delay it."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_lines_without_a_terminal():
    with redirect_stderr(io.StringIO()) as log, report_waiting("Loading lego") as line:
        wait_until(lambda: log.getvalue().count("Loading lego … 0 s\n") >= 2)
        line.description = "Reading it"
        wait_until(lambda: re.search("Reading it … [0-9]+ s\n", log.getvalue()))
    assert "\r" not in log.getvalue()


def test_a_terminal_shows_one_line_and_is_left_empty():
    with redirect_stderr(Terminal()) as terminal, report_waiting("Loading lego"):
        wait_until(lambda: terminal.getvalue().count("Loading lego") >= 2)
        assert terminal.screen[0].startswith("Loading lego … ")
        tell("note: a sentence")
        wait_until(lambda: "Loading lego" in terminal.screen[-1])
    assert terminal.screen == ["note: a sentence", ""]


def test_only_the_innermost_step_reports():
    with redirect_stderr(Terminal()) as terminal, report_waiting("Preparing"):
        wait_until(lambda: "Preparing" in terminal.screen[-1])
        with report_progress("train", 10, "step") as bar:
            start = len(terminal.getvalue())
            # redrawn although the count is the same
            wait_until(lambda: len(re.findall("train: +0%", terminal.getvalue()[start:])) >= 3)
            bar.update(3)
            wait_until(lambda: "3/10" in terminal.getvalue())
            assert "Preparing" not in terminal.getvalue()[start:]
        wait_until(lambda: "Preparing" in terminal.screen[-1])
    assert terminal.screen[-1] == ""


def test_a_long_description_stays_in_one_row(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    with redirect_stderr(Terminal()) as terminal, report_waiting("Converting " + "a" * 100):
        wait_until(lambda: terminal.screen[0])
        assert len(terminal.screen[0]) == 39


def test_an_error_removes_the_line():
    with (
        redirect_stderr(Terminal()) as terminal,
        pytest.raises(ValueError, match="stop"),
        report_waiting("Loading"),
    ):
        wait_until(lambda: terminal.screen[0])
        raise ValueError("stop")
    assert terminal.screen == [""]


def test_only_the_first_process_reports(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with report_waiting("Loading"):
        time.sleep(0.05)
    monkeypatch.delenv("RANK")
    with report_waiting("Loading", shown=False):
        time.sleep(0.05)
    assert capsys.readouterr().err == ""
