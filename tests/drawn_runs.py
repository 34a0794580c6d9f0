"""Runs whose images are drawn, for tests of what comes after `bench run`."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from egoactgen_bench.files import sha256_bytes, write_csv, write_json
from egoactgen_bench.images import write_png
from egoactgen_bench.splits import load_split


def write_drawn_run(split_folder: Path, name: str, failed: tuple[str, ...] = ()) -> Path:
    """A finished run whose images are one grey level, another for each run and sample."""
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
