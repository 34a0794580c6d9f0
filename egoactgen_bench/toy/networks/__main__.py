"""`python -m egoactgen_bench.toy.networks [NAME…]`: train the toy models and write their cards."""

import argparse
from pathlib import Path

from egoactgen_bench.toy import stand_ins
from egoactgen_bench.toy.networks.toy_making import RECIPES, make


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m egoactgen_bench.toy.networks")
    known = ", ".join(RECIPES)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {known}; default: all")
    parser.add_argument("--out", type=Path, default=stand_ins.FOLDER, help="folder for the weights")
    parser.add_argument(
        "--cache", type=Path, default=Path("workspace/cache"), help="folder for rendered frames"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in RECIPES]:
        parser.error(f"unknown model '{unknown[0]}', choose from {known}")
    for name in arguments.names or RECIPES:
        make(name, arguments.out, arguments.cache, arguments.seed)


if __name__ == "__main__":
    main()
