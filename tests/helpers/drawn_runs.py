"""Runs with synthetic images, for tests of the stages after `bench run`."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import egoactgen_bench
from egoactgen_bench.artifacts.splits import load_split
from egoactgen_bench.stages.score.score_runs import score
from egoactgen_bench.support.files import sha256_bytes, write_csv, write_json
from egoactgen_bench.support.images import write_png

FILES = ("scores.csv", "summary.csv", "comparisons.csv", "errors.csv", "slices.csv", "table.md")


def write_drawn_run(split_folder: Path, name: str, failed: tuple[str, ...] = ()) -> Path:
    """A finished run whose images are flat grey, with a different level for each run and sample."""
    split = load_split(split_folder)
    folder = split_folder.parents[1] / "runs" / split.name / name
    rows = []
    for index, sample_id in enumerate(split.samples["sample_id"]):
        level = (sum(name.encode()) * 7 + index) % 256
        image = Image.fromarray(np.full((64, 64, 3), level, np.uint8))
        row = {"sample_id": sample_id, "image": "", "sha256": "", "seed": index, "prompt": ""}
        row |= {"status": "out_of_memory", "seconds": 0.1, "detail": ""}
        if sample_id not in failed:
            relative = f"images/{sample_id}.png"
            data = write_png(folder / relative, image)
            row |= {"image": relative, "sha256": sha256_bytes(data), "status": "ok"}
        rows.append(row)
    write_csv(folder / "samples.csv", pd.DataFrame(rows))
    write_json(
        folder / "run.json",
        {
            "method": name,
            "split": split.name,
            "fingerprint": split.fingerprint,
            "frames_fingerprint": split.frames_fingerprint,
        },
    )
    return folder


def write_run(split_folder: Path, name: str, noise: float, **changes: object) -> Path:
    """A finished run whose images are the targets with noise of a given strength."""
    split = load_split(split_folder)
    folder = split_folder.parents[1] / "runs" / split.name / name
    generator = np.random.default_rng(len(name))
    rows = []
    for sample in split.samples.to_dict("records"):
        target = np.asarray(Image.open(split.frame_path(sample["target_frame"])), float)
        pixels = target + generator.normal(0, noise, target.shape)
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        relative = f"images/{sample['sample_id']}.png"
        data = write_png(folder / relative, image)
        row = {"sample_id": sample["sample_id"], "image": relative, "sha256": sha256_bytes(data)}
        rows.append(row | {"seed": 0, "prompt": "", "status": "ok", "seconds": 0.1, "detail": ""})
    write_csv(folder / "samples.csv", pd.DataFrame(rows))
    manifest = {
        "method": name,
        "split": split.name,
        "fingerprint": split.fingerprint,
        "frames_fingerprint": split.frames_fingerprint,
        "counts": {},
    }
    write_json(folder / "run.json", manifest | changes)
    return folder


def scores_folder(drawn_split: Path, protocol: str = "standard") -> Path:
    return drawn_split.parents[1] / "scores" / "drawn-val" / protocol


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def in_process(split_folder: Path, out: Path, **choices: object):
    split = load_split(split_folder)
    runs = [
        egoactgen_bench.load_run(path.parent)
        for path in sorted((split_folder.parents[1] / "runs" / split.name).glob("*/run.json"))
    ]
    return score(split, runs, out, device="cpu", **choices)


def damage(folder: Path) -> dict[str, str]:
    """Damage six images in different ways; return the expected reason codes."""
    paths = sorted((folder / "images").iterdir())
    paths[0].unlink()
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    Image.open(paths[2]).convert("L").save(paths[2])
    Image.open(paths[3]).convert("RGBA").save(paths[3])
    Image.fromarray(np.zeros((64, 96), np.uint16)).save(paths[4])
    Image.open(paths[5]).resize((256, 256)).save(paths[5])
    codes = ["missing_image", "undecodable_image", *["unsupported_image"] * 3]
    return {path.stem: code for path, code in zip(paths, codes, strict=False)}
