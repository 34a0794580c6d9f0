"""Runs a part in a process of its own, which is stopped after a time limit."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """How a process ended; `problem` is empty if all went well."""

    seconds: float
    problem: str


def run(command: Sequence[str], limit: float) -> Ended:
    """Run a command; after `limit` seconds, end it with all processes that it started."""
    start = time.perf_counter()
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            status = process.wait(limit)
            problem = f"it ended with status {status}" if status else ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            problem = f"it was stopped after {limit:.0f} s"
    return Ended(time.perf_counter() - start, problem)
