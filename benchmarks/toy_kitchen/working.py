"""Doing steps, a few processes at a time, each on one thread; what is done is not done again."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.toy_kitchen.plan import Step

PAUSE = 0.5  # seconds between two looks at what is running
PARTIAL = 1  # a command's status where some samples failed


@dataclass
class Work:
    """The steps that are done, that run (with their start) and that failed, by name."""

    logs: Path
    done: set[str] = field(default_factory=set)
    running: dict[str, tuple[Step, subprocess.Popen[bytes], float]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def log(self, step: Step) -> Path:
        return self.logs / f"{step.name.replace(', ', '-').replace(' ', '-')}.log"

    def start(self, step: Step) -> None:
        self.log(step).parent.mkdir(parents=True, exist_ok=True)
        places = {"bench": str(Path(sys.executable).with_name("bench")), "python": sys.executable}
        words = [places[step.words[0]], *step.words[1:]]
        with self.log(step).open("ab") as log:
            # A session of its own: Ctrl-C reaches this process alone, which ends the others.
            process = subprocess.Popen(
                words,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
        self.running[step.name] = step, process, time.monotonic()
        print(f"begun: {step.name}", flush=True)

    def finish(self) -> None:
        """Take note of the processes that have ended."""
        for name, (step, process, start) in list(self.running.items()):
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if not ended:
                continue
            process.returncode = os.waitstatus_to_exitcode(status)
            del self.running[name]
            good = process.returncode in (0, PARTIAL) and step.leaves.is_file()
            (self.done if good else self.failed).add(name)
            wall, processor = time.monotonic() - start, usage.ru_utime + usage.ru_stime
            told = f"{name}: {wall:.0f} s, {processor:.0f} processor seconds"
            print(f"{'done' if good else 'FAILED'}: {told} ({self.log(step)})", flush=True)
            with (self.logs / "times.csv").open("a", encoding="utf-8") as times:
                times.write(f'"{name}",{process.returncode},{wall:.1f},{processor:.1f}\n')

    def end(self) -> None:
        """End what is running, and wait until it has ended."""
        for _, process, _ in self.running.values():
            process.terminate()
        for _, process, _ in self.running.values():
            process.wait()


def do(steps: Sequence[Step], logs: Path, workers: int) -> list[str]:
    """Do the steps in order, up to `workers` at a time; the names of those that failed or wait.

    A step whose need failed is not begun; the others go on.
    """
    work = Work(logs, {step.name for step in steps if step.leaves.is_file()})
    waiting = [step for step in steps if step.name not in work.done]
    try:
        while True:
            work.finish()
            ready = [step for step in waiting if work.done.issuperset(step.needs)]
            for step in ready[: workers - len(work.running)]:
                waiting.remove(step)
                work.start(step)
            if not work.running:
                return [*work.failed, *(step.name for step in waiting)]
            time.sleep(PAUSE)
    except BaseException:
        work.end()
        raise
