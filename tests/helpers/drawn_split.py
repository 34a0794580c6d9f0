"""A finished split with synthetic frames."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.splits import fingerprint, frames_fingerprint
from egoactgen_bench.support.files import sha256_bytes, write_csv, write_json
from egoactgen_bench.support.images import write_png


def write_drawn_split(
    folder: Path,
    count: int,
    size: tuple[int, int] | list[tuple[int, int]] = (96, 64),
    subset: str = "val",
) -> Path:
    """Write a split of `count` samples whose frames are seeded colour fields, as PNG.

    Several sizes (width, height) are those of the samples in turn.
    """

    rows = []
    sizes = size if isinstance(size, list) else [size]
    for index in range(count):
        noise, own = np.random.default_rng(index), sizes[index % len(sizes)]
        sample_id = f"V{index % 3:02d}_{index}"
        row: dict[str, object] = {
            "sample_id": sample_id,
            "dataset": "drawn",
            "video_id": f"V{index % 3:02d}",
            "action": ("open drawer", "take mug", "cut onion")[index % 3],
            "verb": ("open", "take", "cut")[index % 3],
            "noun": ("drawer", "mug", "onion")[index % 3],
            "t_start": index + 0.5,
            "t_end": index + 1.5,
            "t_input": index + 0.25,
            "t_target": index + 1.1,
        }
        for role in ("input", "target"):
            small = noise.integers(0, 256, (4, 6, 3), dtype=np.uint8)
            image = Image.fromarray(small).resize(own, Image.Resampling.BICUBIC)
            relative = f"frames/{sample_id}/{role}.png"
            row[f"{role}_frame"] = relative
            row[f"{role}_sha256"] = sha256_bytes(write_png(folder / relative, image))
        rows.append(row | {"width": own[0], "height": own[1]})
    samples = pd.DataFrame(rows)
    write_csv(folder / "samples.csv", samples)
    write_csv(folder / "rejected.csv", pd.DataFrame(columns=["row", "reason", "detail"]))
    manifest = {
        "name": folder.name,
        "dataset": "drawn",
        "subset": subset,
        "recipe": {},
        "counts": {"kept": count, "rejected": 0, "by_reason": {}},
        "fingerprint": fingerprint(samples),
        "frames_fingerprint": frames_fingerprint(samples),
        "egovlp": "4-frame",
        "versions": {},
    }
    write_json(folder / "split.json", manifest)
    return folder
