"""`python -m egoactgen_bench.toy_models [NAME…]`: train the toy models anew, each with its card."""

import argparse
from pathlib import Path

from egoactgen_bench.toy_models.making import RECIPES, make
from egoactgen_bench.weights import toy


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m egoactgen_bench.toy_models")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all")
    parser.add_argument("--out", type=Path, default=toy.FOLDER, help="where the weights go")
    parser.add_argument("--cache", type=Path, default=Path("workspace/cache"), help="for frames")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in RECIPES]:
        parser.error(f"there is no recipe '{unknown[0]}': {', '.join(RECIPES)}")
    for name in chosen.names or RECIPES:
        make(name, chosen.out, chosen.cache, chosen.seed)


if __name__ == "__main__":
    main()
