"""Full disks, unreadable files, dead workers, flipped bytes and two processes at once.

    python -m benchmarks.robustness.disturbances --folder /tmp/disturbances \\
        --csv results/measured/disturbances.csv

A disturbed command must end with a documented exit status, print no traceback and, if it fails, a
sentence; without the disturbance, the same command must then give the files of an undisturbed one.
A flipped byte in a finished file must be named by `bench verify`.
"""

import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.robustness.kills import finish
from benchmarks.robustness.programs import (
    Program,
    command_line,
    contents,
    copied,
    ended,
    prepare,
    start,
)

COLUMNS = ["command", "disturbance", "cases", "refused", "partial", "finished", "undocumented"]
VERIFIED = ("prepare-splits", "run", "score", "export-amt", "pack")
INPUTS = ("datasets", "splits/few", "splits/few-train", "runs/few", "scores/few/standard", "models")
KNOWN = ("finished", "partial", "refused")


class Setting:
    """A program, its undisturbed files, and a fresh workspace for each case."""

    def __init__(self, program: Program, folder: Path, seed: int) -> None:
        self.program, self.folder = program, folder
        self.template = folder / "template"
        self.random = random.Random(f"{seed} {program.name}")
        prepare(self.template)
        finish(program, self.fresh())
        self.expected = contents(self.results)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def results(self) -> Path:
        return self.workspace / self.program.results

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def fresh(self) -> Path:
        return copied(self.template, self.folder)

    def outcome(self, status: int) -> str:
        """`refused`, `partial` or `finished`, or what is undocumented about it."""
        printed = self.log.read_text(errors="replace")
        if "Traceback" in printed or status not in (0, 1, 2):
            return f"status {status}: {printed[-2000:]}"
        if status and not printed.strip():
            return f"status {status} without a sentence"
        return {0: "finished", 1: "partial", 2: "refused"}[status]

    def repeated(self, outcome: str) -> str:
        """The outcome, unless the same command does not give the usual files now."""
        try:
            finish(self.program, self.workspace)
        except RuntimeError as error:
            return str(error)
        found = contents(self.results)
        differing = {n for n in self.expected | found if self.expected.get(n) != found.get(n)}
        return f"other files: {sorted(differing)}" if differing else outcome


def full_disk(setting: Setting, cases: int) -> Iterator[str]:
    """No file may become larger than a random size (RLIMIT_FSIZE)."""
    for _ in range(cases):
        workspace = setting.fresh()
        limit = int(2 ** setting.random.uniform(4, 22))
        process = start(
            setting.program.call,
            workspace,
            setting.log,
            lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        outcome = setting.outcome(ended(process))
        # Failed samples are recorded, so that a partial run stays partial.
        yield outcome if outcome == "partial" else setting.repeated(outcome)


def unreadable_inputs(setting: Setting, cases: int) -> Iterator[str]:
    """A folder, a dangling link, an empty file or a pipe in the place of an input."""
    inputs = [
        path.relative_to(setting.template)
        for name in INPUTS
        for path in sorted((setting.template / name).rglob("*"))
        if path.is_file()
    ]
    kinds: tuple[Callable[[Path], object], ...] = (
        Path.mkdir,
        lambda path: path.symlink_to("nowhere"),
        Path.touch,
        os.mkfifo,
    )
    for number in range(cases):
        path = setting.fresh() / setting.random.choice(inputs)
        path.unlink()
        kinds[number % len(kinds)](path)
        yield setting.outcome(ended(start(setting.program.call, setting.workspace, setting.log)))


def dead_workers(setting: Setting, cases: int) -> Iterator[str]:
    """A worker process is killed while it works."""
    if setting.program.name != "prepare-splits":
        return
    for _ in range(cases):
        process = start(setting.program.call, setting.fresh(), setting.log)
        workers: list[int] = []
        while not workers and (setting.folder / "log.txt").exists():
            workers = _workers(process)
            if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                break
        time.sleep(setting.random.uniform(0, 1.5))
        for worker in _workers(process)[-1:]:
            os.kill(worker, 9)
        yield setting.repeated(setting.outcome(ended(process)))


def two_at_once(setting: Setting, cases: int) -> Iterator[str]:
    """The same command twice at the same time, in one workspace."""
    for _ in range(cases):
        workspace = setting.fresh()
        second_log = setting.folder / "second.txt"
        first = start(setting.program.call, workspace, setting.log)
        time.sleep(setting.random.uniform(0, 0.5))
        second = start(setting.program.call, workspace, second_log)
        statuses = [ended(first), ended(second)]
        outcomes = [setting.outcome(statuses[0])]
        setting.log.write_text(second_log.read_text())
        outcomes.append(setting.outcome(statuses[1]))
        worst = max(outcomes, key=lambda each: KNOWN.index(each) if each in KNOWN else len(KNOWN))
        yield setting.repeated(worst)


def flipped_bytes(setting: Setting, cases: int) -> Iterator[str]:
    """One bit of one finished file is flipped: `bench verify` must name the file."""
    if setting.program.name not in VERIFIED:
        return
    for _ in range(cases):
        finish(setting.program, setting.fresh())
        places = {path: _verified(path) for path in sorted(setting.results.rglob("*"))}
        path = setting.random.choice([path for path, folder in places.items() if folder])
        data = bytearray(path.read_bytes())
        data[setting.random.randrange(len(data))] ^= 1 << setting.random.randrange(8)
        path.write_bytes(data)
        call = f"verify {places[path]}"
        status = ended(start(call, setting.workspace, setting.log))
        outcome, printed = setting.outcome(status), setting.log.read_text(errors="replace")
        named = path.name in printed or path == places[path]
        yield outcome if status in (1, 2) and named else f"{path} is not named: {printed[-500:]}"


def _verified(path: Path) -> Path | None:
    """What is passed to `bench verify` to check a file: its archive or finished folder."""
    if not path.is_file() or not path.stat().st_size:
        return None
    if path.suffix == ".zip":
        return path
    return next(
        (place for place in path.parents if any(map(Path.is_file, _manifests(place)))), None
    )


def _manifests(folder: Path) -> list[Path]:
    return [folder / f"{name}.json" for name in ("split", "run", "score", "study")]


def _workers(process: int) -> list[int]:
    """Its worker processes, without Python's resource tracker, which prints if it is killed."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [
            int(each)
            for each in children
            if b"resource_tracker" not in Path(f"/proc/{each}/cmdline").read_bytes()
        ]
    except OSError:
        return []


DISTURBANCES = (full_disk, unreadable_inputs, dead_workers, two_at_once, flipped_bytes)


def measure(
    program: Program, folder: Path, cases: int, seed: int = 0
) -> Iterator[dict[str, object]]:
    """The rows of the results table: one for each disturbance that applies to a program."""
    setting = Setting(program, folder, seed)
    for disturb in DISTURBANCES:
        outcomes = list(disturb(setting, cases))
        if not outcomes:
            continue
        known = [outcomes.count(kind) for kind in COLUMNS[3:6]]
        for outcome in set(outcomes) - set(KNOWN):
            print(f"{program.name}, {disturb.__name__}: {outcome}", file=sys.stderr)
        values = (program.name, disturb.__name__.replace("_", " "), len(outcomes), *known)
        yield dict(zip(COLUMNS, (*values, len(outcomes) - sum(known)), strict=True))


if __name__ == "__main__":
    command_line(__doc__ or "", measure, ("--cases", 20), COLUMNS, ("undocumented",))
