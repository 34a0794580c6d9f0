"""Run steps in parallel processes with one thread each; finished steps are skipped."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.toy_kitchen.plan import Step

PAUSE = 0.5  # seconds between checks of the running steps
PARTIAL = 1  # exit status of a command with failed samples


@dataclass
class StepRunner:
    """Steps by name: finished, running (with the process and its start time), and failed."""

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
            # In a new session, so that Ctrl-C reaches only this process, which ends the others.
            process = subprocess.Popen(
                words,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                start_new_session=True,
            )
        self.running[step.name] = step, process, time.monotonic()
        print(f"started: {step.name}", flush=True)

    def finish(self) -> None:
        """Record the processes that have ended."""
        for name, (step, process, start) in list(self.running.items()):
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if not ended:
                continue
            process.returncode = os.waitstatus_to_exitcode(status)
            del self.running[name]
            good = process.returncode in (0, PARTIAL) and step.output.is_file()
            (self.done if good else self.failed).add(name)
            wall, processor = time.monotonic() - start, usage.ru_utime + usage.ru_stime
            times = f"{wall:.0f} s, {processor:.0f} processor seconds"
            print(f"{'done' if good else 'FAILED'}: {name}: {times} ({self.log(step)})", flush=True)
            with (self.logs / "times.csv").open("a", encoding="utf-8") as table:
                table.write(f'"{name}",{process.returncode},{wall:.1f},{processor:.1f}\n')

    def end(self) -> None:
        """Terminate the running steps, and wait until they have ended."""
        for _, process, _ in self.running.values():
            process.terminate()
        for _, process, _ in self.running.values():
            process.wait()


def run_steps(steps: Sequence[Step], logs: Path, workers: int) -> list[str]:
    """Run the steps in order, up to `workers` at a time; return those that failed or were skipped.

    A step with a failed prerequisite is skipped; the other steps still run.
    """
    runner = StepRunner(logs, {step.name for step in steps if step.output.is_file()})
    waiting = [step for step in steps if step.name not in runner.done]
    print(f"{len(runner.done)} of {len(steps)} steps are finished", flush=True)
    try:
        while True:
            runner.finish()
            ready = [step for step in waiting if runner.done.issuperset(step.needs)]
            for step in ready[: workers - len(runner.running)]:
                waiting.remove(step)
                runner.start(step)
            if not runner.running:
                return [*runner.failed, *(step.name for step in waiting)]
            time.sleep(PAUSE)
    except BaseException:
        runner.end()
        raise
