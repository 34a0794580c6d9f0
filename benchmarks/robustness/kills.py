"""Kill long commands at random moments: the same command must then give the same files.

    python -m benchmarks.robustness.kills --folder /tmp/kills --kills 50 \\
        --csv results/measured/kills.csv

Each command is first run without interruption. Then, for each kill, it is started in a copy of the
workspace, killed with SIGKILL at a random moment (every third time twice), and run to its end. Its
files must be those of the uninterrupted call, and no unfinished file may be left.
"""

import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.robustness.programs import (
    Program,
    command_line,
    contents,
    copied,
    ended,
    kill,
    prepare,
    start,
    temporaries,
)

COLUMNS = ["command", "seconds", "kills", "ended_before", "other_files", "unfinished_files"]


def measure(
    program: Program, folder: Path, kills: int, seed: int = 0
) -> Iterator[dict[str, object]]:
    """Kill a program `kills` times; the row of the results table."""
    template = folder / "template"
    prepare(template)
    draw = random.Random(f"{seed} {program.name}")
    whole = copied(template, folder)
    begun = time.monotonic()
    finish(program, whole)
    seconds = time.monotonic() - begun
    expected = contents(whole / program.results)
    killed = before = other = unfinished = 0
    for number in range(kills):
        workspace = copied(template, folder)
        for _ in range(2 if number % 3 == 2 else 1):
            process = start(program.call, workspace, folder / "log.txt")
            time.sleep(draw.uniform(0, seconds))
            if kill(process) == -9:
                killed += 1
            else:
                before += 1
        finish(program, workspace)
        found = contents(workspace / program.results)
        differing = {name for name in expected | found if expected.get(name) != found.get(name)}
        left = temporaries(workspace / program.results)
        other, unfinished = other + len(differing), unfinished + len(left)
        for name in sorted(differing) + left:
            print(f"{program.name}, kill {number}: {name} differs", file=sys.stderr)
    values = program.name, round(seconds, 2), killed, before, other, unfinished
    yield dict(zip(COLUMNS, values, strict=True))


def finish(program: Program, workspace: Path) -> None:
    """Run a program to its end; raises `RuntimeError` with its output if it fails."""
    log = workspace.parent / "log.txt"
    if status := ended(start(program.call, workspace, log)):
        raise RuntimeError(f"{program.name} ended with {status}: {log.read_text()}")


if __name__ == "__main__":
    faults = ("other_files", "unfinished_files")
    command_line(__doc__ or "", measure, ("--kills", 50), COLUMNS, faults)
