"""`bench demo` on a terminal: it is never silent for long, and prints no warning."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

CALL = ("demo", "--clips", "2", "--steps", "2", "--workers", "1")
MOST = 5.0  # seconds of processor time: on a busy machine, the clock runs on while nothing happens
TICK = os.sysconf("SC_CLK_TCK")


def processor_seconds(process: int) -> float:
    """What a process has used so far, with the children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICK


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
def test_the_demo_is_never_silent_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    program = "from egoactgen_bench.cli import main; main()"
    hidden = {"PYTHONWARNINGS", "COLUMNS"}
    demo = subprocess.Popen(
        [sys.executable, "-c", program, *CALL],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in hidden}
        | {"BENCH_WORKSPACE": str(tmp_path)},
    )
    os.close(theirs)
    written, silences, last, used = b"", {}, 0.0, 0.0
    while True:
        ready, _, _ = select.select([ours], [], [], 0.2)
        if demo.poll() is None:
            used = processor_seconds(demo.pid)
        if not ready:
            continue
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # all have closed the terminal
            break
        silences[written[-100:]] = used - last
        written, last = written + part, used
    os.close(ours)
    shown = written.decode()
    assert demo.wait() == 0, shown
    assert {text: gap for text, gap in silences.items() if gap > MOST} == {}
    assert used > MOST  # it was measured
    assert not re.search("warning|deprecated", shown, re.IGNORECASE)
    assert {"Loading lego", "film", "frames", "score", "figures", "thumbnails"} <= set(
        re.findall(r"[A-Za-z]+(?: lego)?(?=:| …)", shown)
    )
