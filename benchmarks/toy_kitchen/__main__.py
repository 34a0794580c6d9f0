"""The experiment of docs/toy-kitchen.md: run the missing steps, then write the results.

    python -m benchmarks.toy_kitchen --workspace workspace

An interrupted call resumes; `--dry-run` prints the remaining commands.
"""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from benchmarks.toy_kitchen import collecting
from benchmarks.toy_kitchen.plan import EXPERIMENT, PARTS, Plan
from benchmarks.toy_kitchen.steps import steps
from benchmarks.toy_kitchen.working import run_steps
from egoactgen_bench.api.options import parse_pairs

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen"


def main() -> int:
    arguments = _arguments()
    plan = _plan(arguments)
    todo = steps(plan)
    if arguments.dry_run:
        for step in todo:
            if not step.output.is_file():
                print(f"# {step.name}\n{shlex.join(step.words)}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that running steps are also ended
    left = [] if arguments.collect else run_steps(todo, plan.folder / "logs", arguments.workers)
    if set(plan.parts) & set(EXPERIMENT):
        for path in collecting.collect(plan, arguments.results):
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
    parser.add_argument("--name", default="steps",
                        help="prefix of the trainings; new options need a new name")  # fmt: skip
    parser.add_argument("--iterations", type=int, default=4000, help="steps of each training")
    parser.add_argument("--seeds", default="0,1,2", help="training seeds of the tables")
    parser.add_argument("--curve", default="2000,1000,8000",
                        help="other numbers of steps, for the curve")  # fmt: skip
    parser.add_argument("--test", metavar="SPLIT", help="test split (default: toy-kitchen-CLIPS)")
    parser.add_argument("--clips", type=int, default=256, help="number of test clips")
    parser.add_argument("--parts", default=",".join(EXPERIMENT), metavar=",".join(PARTS),
                        help="parts to run, in this order; weights, shown: to train the weights "
                        "that come with the package, and to show what they do, not part of "
                        "the experiment (default: %(default)s)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="number of parallel processes")
    parser.add_argument("-o", action="append", default=[], metavar="KEY=VALUE",
                        help="of `bench lego ablate`: train.learning_rate=5e-4")  # fmt: skip
    parser.add_argument("--quick", action="store_true",
                        help="test the experiment with a few clips and steps")  # fmt: skip
    parser.add_argument("--collect", action="store_true", help="only write the results so far")
    parser.add_argument("--dry-run", action="store_true", help="only print the remaining commands")
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Plan:
    parts = arguments.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"Unknown parts {', '.join(sorted(unknown))}: use {', '.join(PARTS)}.")
    if arguments.quick:
        return Plan(
            arguments.workspace,
            arguments.name,
            clips=8,
            stills=16,
            iterations=4,
            seeds=(0,),
            curve=(2,),
            parts=parts,
            options=parse_pairs(arguments.o),
            quick=True,
        )
    return Plan(
        arguments.workspace,
        arguments.name,
        test=arguments.test,
        clips=arguments.clips,
        iterations=arguments.iterations,
        seeds=_numbers(arguments.seeds),
        curve=_numbers(arguments.curve),
        parts=parts,
        options=parse_pairs(arguments.o),
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(word) for word in text.split(",") if word)


if __name__ == "__main__":
    raise SystemExit(main())
