"""`python -m lego.toy`: make a LLaVA to tune on the toy kitchen; ship what was trained on it."""

import argparse
from pathlib import Path

from lego.toy import making, shipping


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lego.toy", description=__doc__)
    commands = parser.add_subparsers(required=True)
    make = commands.add_parser("make", help="build a small LLaVA, and teach its eyes")
    make.add_argument("split", type=Path, help="folder of a training split of the toy kitchen")
    make.add_argument("instructions", type=Path, help="curated instructions: tell the words")
    make.add_argument("out", type=Path, help="folder to write, in transformers' form")
    make.add_argument("--seed", type=int, default=0)
    make.add_argument("--steps", type=int, default=None)
    make.set_defaults(
        act=lambda told: making.make(told.split, told.instructions, told.out, told.seed, told.steps)
    )
    ship = commands.add_parser("ship", help="put trained weights into the package, in half size")
    ship.add_argument("models", type=Path, help="a workspace's models/")
    for name in ("lego", "ip2p", "sd"):
        ship.add_argument(f"--{name}", default=f"{name}-toy-kitchen-train", metavar="NAME")
    ship.add_argument("--vllm", default="vllm-toy", metavar="NAME")
    ship.set_defaults(
        act=lambda told: shipping.ship(told.models, told.lego, told.ip2p, told.sd, told.vllm)
    )
    chosen = parser.parse_args()
    print(chosen.act(chosen))


if __name__ == "__main__":
    main()
