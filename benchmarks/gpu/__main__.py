"""Measure generation, scoring, training and enrichment on a GPU, with random weights.

    benchmarks/gpu.sh                              # all parts, at most 8 minutes on one card
    benchmarks/gpu.sh --parts generation scoring   # some of them
    benchmarks/gpu.sh --toy --device cpu --out ""  # tiny networks: does every part run?

Each part runs in its own process with a time limit, so that a failure affects only one part.
Parts that are finished in the table for the same device and versions are not measured again.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from benchmarks.gpu import part_processes, rows
from benchmarks.gpu.setting import Part, Setting

OUT = Path("results") / "measured" / "gpu.csv"


@dataclass(frozen=True)
class Planned:
    """A part: the module and function that measure it, and its time limit in seconds."""

    limit: float
    module: str
    function: str = "measure"

    def load(self) -> Part:
        found: Part = getattr(import_module(f"benchmarks.gpu.{self.module}"), self.function)
        return found


# The limits add up to 8 minutes.
PARTS = {
    "generation": Planned(75, "generation_speed"),
    "scoring": Planned(110, "scoring_speed"),
    "training": Planned(40, "training_step"),
    "enrichment": Planned(40, "enrichment_speed"),
    "agreement": Planned(60, "agreement"),
    "compilation": Planned(155, "generation_speed", "measure_compiled"),
}


def measure_part(name: str, setting: Setting, found: Path) -> None:
    """Measure a part in this process; its rows are appended to a file as they are measured."""
    labels = setting.labels()

    def add(row: rows.Row) -> None:
        rows.append(found, row.as_dict(name, labels))

    seconds = setting.seconds(partial(PARTS[name].load(), setting, add))
    add(rows.Row(rows.FINISHED, seconds, "s"))


def command_of(name: str, setting: Setting, found: Path) -> list[str]:
    """The command that measures a part in its own process."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--one", name, "--rows", str(found)]
    command += ["--device", setting.device, "--folder", str(setting.folder)]
    return command + ["--toy"] * setting.toy


def measure_all(names: Sequence[str], setting: Setting, out: Path | None, again: bool) -> int:
    """Measure the parts that are missing in the table; returns how many failed."""
    table, labels, failed = rows.read_table(out), setting.labels(), 0
    for name in names:
        if rows.is_finished(table, name, labels) and not again:
            print(f"{name}: finished before", flush=True)
            continue
        found = setting.folder / f"{name}.jsonl"
        found.unlink(missing_ok=True)
        ended = part_processes.run(command_of(name, setting, found), PARTS[name].limit)
        failed += bool(ended.problem)
        print(f"{name}: {ended.problem or 'finished'} ({ended.seconds:.0f} s)", flush=True)
        table = rows.with_part(table, name, labels, list(rows.collected(found)))
        rows.store(out, table)
    print(table[rows.COLUMNS[:6]].to_string(index=False, float_format=lambda each: f"{each:.4g}"))
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", default="cuda", help="cuda, or cpu with --toy")
    parser.add_argument("--toy", action="store_true", help="tiny networks, to try the parts")
    parser.add_argument("--again", action="store_true", help="measure finished parts again, too")
    parser.add_argument("--out", default=str(OUT), help="the table; '' prints it only")
    parser.add_argument("--folder", type=Path, help="for drawn weights and inputs (4 GB)")
    parser.add_argument("--one", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.device == "cpu" and not chosen.toy:
        parser.error("on the CPU, the full-size networks take hours: add --toy")
    if chosen.one:
        measure_part(chosen.one, Setting(chosen.device, chosen.toy, chosen.folder), chosen.rows)
        return 0
    out = Path(chosen.out) if chosen.out else None
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        setting = Setting(chosen.device, chosen.toy, Path(folder))
        return bool(measure_all(chosen.parts, setting, out, chosen.again))


if __name__ == "__main__":
    sys.exit(main())
