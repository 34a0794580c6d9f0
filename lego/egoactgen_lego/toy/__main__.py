"""`python -m egoactgen_lego.toy`: build a LLaVA to tune on the toy kitchen."""

import argparse
from pathlib import Path

from egoactgen_lego.toy import make_llava


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m egoactgen_lego.toy", description=__doc__)
    parser.add_argument("split", type=Path, help="folder of a training split of the toy kitchen")
    parser.add_argument(
        "instructions", type=Path, help="curated instructions, whose words are the vocabulary"
    )
    parser.add_argument("out", type=Path, help="folder to write, in transformers' format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument(
        "--frames-of",
        type=Path,
        nargs="*",
        default=[],
        metavar="SPLIT",
        help="further training splits, on whose input frames the vision tower is trained, too",
    )
    chosen = parser.parse_args()
    splits = [chosen.split, *chosen.frames_of]
    print(make_llava.make(splits, chosen.instructions, chosen.out, chosen.seed, chosen.steps))


if __name__ == "__main__":
    main()
