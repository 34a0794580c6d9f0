"""Splits that are made from other splits: fewer samples, other texts, or other frames.

    python -m benchmarks.toy_kitchen.derived_splits first SPLIT NEW --samples 256
    python -m benchmarks.toy_kitchen.derived_splits after SPLIT NEW --samples 256
    python -m benchmarks.toy_kitchen.derived_splits open SPLIT NEW
    python -m benchmarks.toy_kitchen.derived_splits captioned SPLIT NEW --descriptions curated
    python -m benchmarks.toy_kitchen.derived_splits grey SPLIT NEW
    python -m benchmarks.toy_kitchen.derived_splits swapped SPLIT NEW --samples 256

`first` keeps the first samples, `after` those after them, `open` those whose label leaves the goal
open, `captioned` has the description instead of the label for every other sample, `grey` shows
nothing in the input frames, and `swapped` has the label and target frame of another action that
the scene allows, so that the hand has begun what the label does not say. Sets of descriptions are
taken over where they still hold.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
from PIL import Image

from benchmarks.toy_kitchen.trust.control_images import other_action
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
from egoactgen_bench.toy.world.motion import PNR
from egoactgen_bench.toy.world.relations import is_open
from egoactgen_bench.toy.world.rendering import render
from egoactgen_lego.toy.split_clips import split_clips

HOW = ("first", "after", "open", "captioned", "grey", "swapped")
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


@dataclass(frozen=True)
class Changed:
    """What differs from the original split: PNG files by (sample, role), and the truth."""

    images: dict[tuple[str, str], bytes] = field(default_factory=dict)
    truth: dict[str, Any] = field(default_factory=dict)


def grey(split: Split) -> Changed:
    rows = split.samples
    image = png_bytes(Image.new("RGB", (int(rows["width"][0]), int(rows["height"][0])), GREY))
    return Changed({(name, "input"): image for name in rows["sample_id"]})


def swapped(split: Split, count: int) -> tuple[pd.DataFrame, Changed]:
    """The first samples with the label, target frame and truth of another action.

    The label is that of another sample, as narrators word an action differently. Samples are left
    out whose new action no other sample shows. They have names of their own, so that both splits
    can be trained on.
    """
    truth, wordings = split.truth(), dict[str, list[str]]()
    for row in split.samples.itertuples():
        wordings.setdefault(truth[row.sample_id]["action"], []).append(row.action)
    rows, changed, labels = split.samples.iloc[:count], Changed(), {}
    for row, clip in zip(rows.itertuples(), split_clips(split), strict=False):
        name, other = row.sample_id, other_action(clip, row.sample_id)
        if other.action in wordings:
            frame = render(other.moment(PNR), other.camera(PNR), int(row.width))
            changed.images[f"{name}-swapped", "target"] = png_bytes(frame)
            changed.truth[f"{name}-swapped"] = {"action": other.action}
            labels[name] = Random(name).choice(wordings[other.action])
    names = rows["sample_id"]
    rows = rows.assign(action=names.map(labels), sample_id=names + "-swapped")
    return rows[names.isin(labels)], changed


def write(split: Split, rows: pd.DataFrame, folder: Path, changed: Changed) -> None:
    """A split of the samples `rows`, whose frames are links to those of `split` unless changed."""
    with replacing_folder(folder) as new:
        records = rows.to_dict("records")
        for row in records:
            for role in ("input", "target"):
                name, source = row["sample_id"], row[f"{role}_frame"]
                row[f"{role}_frame"] = f"frames/{name}/{Path(source).name}"
                path = new / row[f"{role}_frame"]
                path.parent.mkdir(parents=True, exist_ok=True)
                if image := changed.images.get((name, role)):
                    path.write_bytes(image)
                    row[f"{role}_sha256"] = sha256_bytes(image)
                else:
                    path.hardlink_to(split.frame_path(source))
        rows = pd.DataFrame(records, columns=rows.columns)
        write_csv(new / "samples.csv", rows)
        truth = split.truth() | changed.truth
        write_json(new / "truth.json", {name: truth[name] for name in rows["sample_id"]})
        write_csv(new / "rejected.csv", pd.DataFrame(columns=["row", "reason", "detail"]))
        for path in () if changed.truth else split.folder.glob("descriptions/*.csv"):
            found = pd.read_csv(path, dtype=str, keep_default_na=False)
            kept = found["sample_id"].isin(rows["sample_id"])
            write_csv(new / "descriptions" / path.name, found[kept])
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
    parser.add_argument("how", choices=HOW)
    parser.add_argument("split", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--descriptions", default="curated")
    chosen = parser.parse_args(words)
    split = load_split(chosen.split)
    rows, changed = split.samples, Changed()
    match chosen.how:
        case "first":
            rows = first(split, chosen.samples)
        case "after":
            rows = after(split, chosen.samples)
        case "open":
            rows = with_open_labels(split)
        case "captioned":
            rows = captioned(split, chosen.descriptions)
        case "grey":
            changed = grey(split)
        case "swapped":
            rows, changed = swapped(split, chosen.samples)
    write(split, rows, chosen.new, changed)


if __name__ == "__main__":
    main()
