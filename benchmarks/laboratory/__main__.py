"""The experiment of docs/laboratory.md, in pieces that can be stopped and resumed.

    python -m benchmarks.laboratory --workspace DIR            # what is missing
    python -m benchmarks.laboratory --workspace DIR --seeds 0  # the cells of one seed
    python -m benchmarks.laboratory --workspace DIR --train    # also train the shared weights

By default the shared weights in benchmarks/laboratory/weights are used. With `--train`, everything
is in DIR/trained, with the new weights in DIR/trained/weights. Each finished cell is a file in
results/toy-kitchen/laboratory/cells, or in DIR/trained/results and DIR/quick/results; existing ones
are not run again.
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

QUICK_ITERATIONS = 4
RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen" / "laboratory"


def cell_step(lab: Laboratory, cell: Cell, iterations: int, out: Path, needs: list[str]) -> Step:
    words = ["python", "-m", "benchmarks.laboratory.cell", "--workspace", str(lab.workspace)]
    words += ["--weights", str(lab.weights)]
    words += ["--arm", cell.arm, "--pairs", str(cell.pairs), "--seed", str(cell.seed)]
    words += ["--iterations", str(iterations), "--most", str(lab.most_pairs), "--out", str(out)]
    return Step(cell.name, tuple(words), out / f"{cell.name}.csv", tuple(needs))


def _chosen(chosen: argparse.Namespace) -> tuple[Laboratory, Path, int]:
    """The laboratory, the folder of its results, and the steps of a training.

    Trained weights, and what was made with them, have a folder of their own, so that they are not
    mixed with what was made with the shared ones.
    """
    workspace = chosen.workspace.resolve()
    if not (chosen.train or chosen.quick):
        return Laboratory(workspace), chosen.results or RESULTS, design.ITERATIONS
    own = workspace / ("quick" if chosen.quick else "trained")
    sizes = QUICK if chosen.quick else materials.Sizes()
    lab = Laboratory(own, sizes, max(sizes.pairs), own / "weights")
    iterations = QUICK_ITERATIONS if chosen.quick else design.ITERATIONS
    return lab, chosen.results or own / "results", iterations


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--results", type=Path, help="folder for the cells (default: above)")
    parser.add_argument("--seeds", type=int, nargs="*", choices=design.SEEDS, default=design.SEEDS)
    parser.add_argument("--arms", nargs="+", choices=design.ARMS, default=list(design.ARMS))
    parser.add_argument("--train", action="store_true", help="train the shared weights again")
    parser.add_argument("--workers", type=int, default=2, help="number of parallel processes")
    parser.add_argument(
        "--quick", action="store_true", help="test everything with a few clips and steps"
    )
    parser.add_argument("--dry-run", action="store_true", help="only print what is missing")
    chosen = parser.parse_args(words)
    lab, results, iterations = _chosen(chosen)
    todo = list(materials.steps(lab, shipped=lab.weights == materials.WEIGHTS))
    clips = ("python", "-m", "benchmarks.laboratory.clip_facts", str(lab.split(materials.TEST)))
    known = results / "clips.csv"
    todo.append(Step("clips", (*clips, str(results)), known, (f"open {materials.TEST}",)))
    needs = [step.name for step in todo]
    todo += [
        cell_step(lab, cell, iterations, results / "cells", needs)
        for cell in design.cells(chosen.seeds, lab.sizes.pairs)
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
