"""The experiment of docs/laboratory.md, in pieces that can be stopped and resumed.

    python -m benchmarks.laboratory --workspace DIR            # what is missing
    python -m benchmarks.laboratory --workspace DIR --seeds 0  # the cells of one seed
    python -m benchmarks.laboratory --workspace DIR --train    # also train the shared weights

By default the shared weights in benchmarks/laboratory/weights are used. Each finished cell is a
file in results/toy-kitchen/laboratory/cells; existing ones are not run again.
"""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from benchmarks.laboratory import design, materials
from benchmarks.laboratory.design import Cell
from benchmarks.laboratory.materials import QUICK, Laboratory
from benchmarks.toy_kitchen.plan import Step
from benchmarks.toy_kitchen.working import run_steps

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen" / "laboratory"


def cell_step(lab: Laboratory, cell: Cell, iterations: int, out: Path, needs: list[str]) -> Step:
    words = ["python", "-m", "benchmarks.laboratory.cell", "--workspace", str(lab.workspace)]
    words += ["--arm", cell.arm, "--pairs", str(cell.pairs), "--seed", str(cell.seed)]
    words += ["--iterations", str(iterations), "--most", str(lab.most_pairs), "--out", str(out)]
    return Step(cell.name, tuple(words), out / f"{cell.name}.csv", tuple(needs))


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--seeds", type=int, nargs="*", default=list(design.SEEDS))
    parser.add_argument("--arms", nargs="+", choices=design.ARMS, default=list(design.ARMS))
    parser.add_argument("--train", action="store_true", help="train the shared weights again")
    parser.add_argument("--workers", type=int, default=2, help="number of parallel processes")
    parser.add_argument("--iterations", type=int, default=design.ITERATIONS)
    parser.add_argument("--quick", action="store_true", help="test with a few clips and steps")
    parser.add_argument("--dry-run", action="store_true", help="only print what is missing")
    chosen = parser.parse_args(words)
    sizes = QUICK if chosen.quick else materials.Sizes()
    workspace = chosen.workspace.resolve()
    weights = workspace / "weights" if chosen.quick else materials.WEIGHTS
    lab = Laboratory(workspace, sizes, max(sizes.pairs), weights)
    todo = list(materials.steps(lab, shipped=not chosen.train))
    clips = ("python", "-m", "benchmarks.laboratory.known_clips", str(lab.split(materials.TEST)))
    known = chosen.results / "clips.csv"
    todo.append(Step("clips", (*clips, str(chosen.results)), known, (f"open {materials.TEST}",)))
    needs = [step.name for step in todo]
    todo += [
        cell_step(lab, cell, chosen.iterations, chosen.results / "cells", needs)
        for cell in design.cells(chosen.seeds, sizes.pairs)
        if cell.arm in chosen.arms
    ]
    if chosen.dry_run:
        for step in todo:
            if not step.output.is_file():
                print(f"# {step.name}\n{shlex.join(step.words)}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that running steps are also ended
    left = run_steps(todo, lab.workspace / "logs", chosen.workers)
    for name in left:
        print(f"not done: {name}")
    return int(bool(left))


if __name__ == "__main__":
    raise SystemExit(main())
