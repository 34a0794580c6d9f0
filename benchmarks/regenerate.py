"""Make the toy kitchen's weights, what they do, and its experiments once more.

    python -m benchmarks.regenerate --workspace workspace                 # all pieces, in order
    python -m benchmarks.regenerate --workspace workspace weights shown   # some of them
    python -m benchmarks.regenerate --dry-run

A stopped call resumes: the programs skip what they have finished, except for the networks of the
metrics, which take minutes each. The judge is one of them: what it has judged must then be made
again, too. The laboratory uses the weights and cells that are in the repository.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

KITCHEN, LABORATORY = "benchmarks.toy_kitchen", "benchmarks.laboratory"
Program = tuple[str, ...]  # a module and its arguments; {} is the workspace
PIECES: dict[str, tuple[Program, ...]] = {
    "networks": (("egoactgen_bench.toy.networks", "--cache", "{}/cache"),),
    "weights": (
        (KITCHEN, "--workspace", "{}", "--parts", "weights"),
        (f"{KITCHEN}.ship_weights", "{}/models"),
    ),
    "shown": ((KITCHEN, "--workspace", "{}", "--parts", "shown"),),
    "experiment": ((KITCHEN, "--workspace", "{}"),),
    "trust": ((f"{KITCHEN}.trust", "--folder", "{}/trust"),),
    "laboratory": (
        (f"{LABORATORY}.ceiling", "--csv", "results/toy-kitchen/ceiling.csv"),
        (LABORATORY, "--workspace", "{}/laboratory"),
        (
            f"{LABORATORY}.vllm_accuracy",
            *("--workspace", "{}/laboratory", "--csv", "results/toy-kitchen/vllm-accuracy.csv"),
        ),
        (f"{LABORATORY}.report",),
    ),
}


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pieces", nargs="*", metavar="PIECE", help=f"of {', '.join(PIECES)}")
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--dry-run", action="store_true", help="only print the programs")
    chosen = parser.parse_args(words)
    if unknown := set(chosen.pieces) - set(PIECES):
        parser.error(f"unknown piece '{min(unknown)}', choose from {', '.join(PIECES)}")
    for name in chosen.pieces or PIECES:
        print(f"# {name}", flush=True)
        for module, *arguments in PIECES[name]:
            given = [word.replace("{}", str(chosen.workspace)) for word in arguments]
            print(shlex.join(["python", "-m", module, *given]), flush=True)
            if chosen.dry_run:
                continue
            status = subprocess.run([sys.executable, "-m", module, *given]).returncode
            if status:
                print(f"{module} ended with status {status}; call this again to resume.")
                return status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
