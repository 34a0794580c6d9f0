"""The experiment of docs/toy-kitchen.md: what is missing is made, then results are written.

    python -m benchmarks.toy_kitchen --workspace workspace

A call that was stopped goes on where it was; `--dry-run` prints the commands that are left.
"""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from benchmarks.toy_kitchen import collecting
from benchmarks.toy_kitchen.plan import EXPERIMENT, PARTS, Plan
from benchmarks.toy_kitchen.steps import steps
from benchmarks.toy_kitchen.working import do
from egoactgen_bench.api.options import parse_pairs

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen"


def main() -> int:
    asked = _arguments()
    plan = _plan(asked)
    todo = steps(plan)
    if asked.dry_run:
        for step in todo:
            if not step.leaves.is_file():
                print(f"# {step.name}\n{shlex.join(step.words)}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is ended, too
    left = [] if asked.collect else do(todo, plan.folder / "logs", asked.workers)
    if set(plan.parts) & set(EXPERIMENT):
        for path in collecting.collect(plan, asked.results):
            print(f"written: {path}")
    for name in left:
        print(f"not done: {name}")
    return int(bool(left))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.toy_kitchen",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--name", default="steps", help="of what is trained: new options, new name")
    parser.add_argument("--iterations", type=int, default=4000, help="steps of each training")
    parser.add_argument("--seeds", default="0,1,2", help="of the tables' trainings")
    parser.add_argument("--curve", default="2000,1000,8000", help="further steps, for the curve")
    parser.add_argument("--test", metavar="SPLIT", help="to test on (default: toy-kitchen-CLIPS)")
    parser.add_argument("--clips", type=int, default=256, help="to test on")
    parser.add_argument("--parts", default=",".join(EXPERIMENT), metavar=",".join(PARTS),
                        help="in the order of their doing; weights: those that come with the "
                        "package, not part of the experiment (default: %(default)s)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes at a time")
    parser.add_argument("-o", action="append", default=[], metavar="KEY=VALUE",
                        help="of `bench lego ablate`: train.learning_rate=5e-4 …")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="a rehearsal: next to nothing learnt")
    parser.add_argument("--collect", action="store_true", help="only write what there is")
    parser.add_argument("--dry-run", action="store_true", help="only print what is left to do")
    return parser.parse_args()


def _plan(asked: argparse.Namespace) -> Plan:
    parts = asked.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"--parts knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}.")
    if asked.quick:
        return Plan(
            asked.workspace,
            asked.name,
            clips=8,
            stills=16,
            iterations=4,
            seeds=(0,),
            curve=(2,),
            parts=parts,
            options=parse_pairs(asked.o),
            quick=True,
        )
    return Plan(
        asked.workspace,
        asked.name,
        test=asked.test,
        clips=asked.clips,
        iterations=asked.iterations,
        seeds=_numbers(asked.seeds),
        curve=_numbers(asked.curve),
        parts=parts,
        options=parse_pairs(asked.o),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(",") if word)


if __name__ == "__main__":
    raise SystemExit(main())
