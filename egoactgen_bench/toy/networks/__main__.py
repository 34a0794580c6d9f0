"""`python -m egoactgen_bench.toy.networks [NAME…]`: train the toy models, each with its card."""

import argparse
from pathlib import Path

from egoactgen_bench.toy import stand_ins
from egoactgen_bench.toy.networks.toy_making import RECIPES, make


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m egoactgen_bench.toy.networks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all")
    parser.add_argument("--out", type=Path, default=stand_ins.FOLDER, help="where the weights go")
    parser.add_argument("--cache", type=Path, default=Path("workspace/cache"), help="for frames")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.names if name not in RECIPES]:
        parser.error(f"there is no recipe '{unknown[0]}': {', '.join(RECIPES)}")
    for name in chosen.names or RECIPES:
        make(name, chosen.out, chosen.cache, chosen.seed)


if __name__ == "__main__":
    main()
