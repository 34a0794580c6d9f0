"""Splits that are made from other splits: fewer samples, other texts, or grey input frames.

    python -m benchmarks.laboratory.derived_splits first SPLIT NEW --samples 256
    python -m benchmarks.laboratory.derived_splits after SPLIT NEW --samples 256
    python -m benchmarks.laboratory.derived_splits open SPLIT NEW
    python -m benchmarks.laboratory.derived_splits captioned SPLIT NEW --descriptions curated
    python -m benchmarks.laboratory.derived_splits grey SPLIT NEW

`first` keeps the first samples, `after` those after them, `open` those whose label leaves the goal
open, `captioned` has the description instead of the label for every other sample, and `grey` shows
nothing in the input frames. Sets of descriptions are taken over.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.descriptions import load_descriptions
from egoactgen_bench.artifacts.splits import Split, fingerprint, frames_fingerprint, load_split
from egoactgen_bench.support.files import (
    read_json,
    sha256_bytes,
    sha256_file,
    write_csv,
    write_json,
)
from egoactgen_bench.support.images import png_bytes
from egoactgen_bench.support.replacing import replacing_folder
from egoactgen_bench.toy.world.actions import possible
from egoactgen_bench.toy.world.relations import is_open
from egoactgen_lego.toy.split_clips import split_clips

GREY = (128, 128, 128)


def first(split: Split, count: int) -> pd.DataFrame:
    return split.samples.iloc[:count]


def after(split: Split, count: int) -> pd.DataFrame:
    return split.samples.iloc[count:]


def with_open_labels(split: Split) -> pd.DataFrame:
    """The samples whose label allows several goals; the scene tells which one is meant."""
    clips = split_clips(split)
    kept = [
        is_open(clip.scene, clip.action, possible(clip.scene, Random(0))[clip.action])
        for clip in clips
    ]
    return split.samples[kept]


def captioned(split: Split, descriptions: str) -> pd.DataFrame:
    """The samples with alternately their label and their description as the action."""
    texts = load_descriptions(split.folder, descriptions).texts
    rows = split.samples[split.samples["sample_id"].isin(texts)].copy()
    rows["action"] = [
        texts[row.sample_id] if number % 2 else row.action
        for number, row in enumerate(rows.itertuples())
    ]
    return rows


def write(split: Split, rows: pd.DataFrame, folder: Path, grey: bool = False) -> None:
    """A split of the samples `rows`, whose frames are links to those of `split`."""
    with replacing_folder(folder) as new:
        rows = rows.reset_index(drop=True)
        image = png_bytes(Image.new("RGB", (int(rows["width"][0]), int(rows["height"][0])), GREY))
        for row in rows.to_dict("records"):
            for role in ("input", "target"):
                path = new / row[f"{role}_frame"]
                path.parent.mkdir(parents=True, exist_ok=True)
                if grey and role == "input":
                    path.write_bytes(image)
                else:
                    path.hardlink_to(split.frame_path(row[f"{role}_frame"]))
        if grey:
            rows["input_sha256"] = sha256_bytes(image)
        write_csv(new / "samples.csv", rows)
        kept = set(rows["sample_id"])
        write_json(
            new / "truth.json", {name: fact for name, fact in split.truth().items() if name in kept}
        )
        write_csv(new / "rejected.csv", pd.DataFrame(columns=["row", "reason", "detail"]))
        for path in split.folder.glob("descriptions/*.csv"):
            found = pd.read_csv(path, dtype=str, keep_default_na=False)
            write_csv(new / "descriptions" / path.name, found[found["sample_id"].isin(kept)])
        manifest = read_json(split.folder / "split.json")
        manifest.pop("checksum", None)
        manifest.pop("boxes", None)
        files = ("samples.csv", "rejected.csv", "truth.json")
        manifest |= {
            "name": folder.name,
            "counts": {"kept": len(rows), "rejected": 0, "by_reason": {}},
            "fingerprint": fingerprint(rows),
            "frames_fingerprint": frames_fingerprint(rows),
            "files": {name: sha256_file(new / name) for name in files},
        }
        write_json(new / "split.json", manifest)
    load_split(folder)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("how", choices=("first", "after", "open", "captioned", "grey"))
    parser.add_argument("split", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--descriptions", default="curated")
    chosen = parser.parse_args(words)
    split = load_split(chosen.split)
    rows: dict[str, Callable[[], pd.DataFrame]] = {
        "first": lambda: first(split, chosen.samples),
        "after": lambda: after(split, chosen.samples),
        "open": lambda: with_open_labels(split),
        "captioned": lambda: captioned(split, chosen.descriptions),
        "grey": lambda: split.samples,
    }
    write(split, rows[chosen.how](), chosen.new, grey=chosen.how == "grey")


if __name__ == "__main__":
    main()
