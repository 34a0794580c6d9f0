"""What the report needs to know of the test clips, apart from the outcomes.

    python -m benchmarks.laboratory.clip_facts SPLIT RESULTS

Writes RESULTS/clips.csv with the video, action, hand and place of each clip, and strips of the
input and target frames of the first clips.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.support.files import write_csv
from egoactgen_bench.support.images import read_rgb

SHOWN, SIDE = 10, 96  # clips in a strip, and pixels per side there


def strip(images: Iterable[Image.Image]) -> Image.Image:
    """Frames next to each other."""
    row = Image.new("RGB", (SHOWN * SIDE, SIDE))
    for number, image in zip(range(SHOWN), images, strict=False):
        row.paste(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (number * SIDE, 0))
    return row


def write_strip(images: Iterable[Image.Image], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    strip(images).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("split", type=Path)
    parser.add_argument("results", type=Path)
    chosen = parser.parse_args()
    split = load_split(chosen.split)
    truth = split.truth()
    rows = split.samples
    for role in ("input", "target"):
        images = (read_rgb(split.frame_path(path)) for path in rows[f"{role}_frame"])
        write_strip(images, chosen.results / "frames" / f"{role}.png")
    facts = [truth[sample_id] for sample_id in rows["sample_id"]]
    table = pd.DataFrame(facts)[["action", "hand", "x", "y"]]
    table.insert(0, "video", pd.factorize(rows["video_id"])[0])
    table.insert(0, "clip", range(len(table)))
    write_csv(chosen.results / "clips.csv", table)


if __name__ == "__main__":
    main()
