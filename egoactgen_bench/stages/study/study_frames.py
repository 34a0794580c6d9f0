"""The samples of a study: their rows and frames, found by sample id."""

from pathlib import Path
from typing import Any, Literal

import pandas as pd
from PIL import Image

from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.images import read_rgb


class SampleRows:
    """The rows of a table with one row per sample, by sample id."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        self._places = {
            sample_id: place for place, sample_id in enumerate(table["sample_id"].tolist())
        }

    def __getitem__(self, sample_id: str) -> dict[str, Any]:
        row = self._table.iloc[self._places[sample_id]]
        return {str(column): value for column, value in row.items()}


class Frames:
    """The frames of a split, each compared with its recorded sha256."""

    def __init__(self, split: Split) -> None:
        self.split = split
        self.rows = SampleRows(split.samples)

    def read(self, sample_id: str, role: Literal["input", "target"]) -> Image.Image:
        """The input or target frame of a sample."""
        sample = self.rows[sample_id]
        path = self.split.frame_path(sample[f"{role}_frame"])
        return unchanged_image(path, sample[f"{role}_sha256"], f"split '{self.split.name}'")


def unchanged_image(path: Path, sha256: str, owner: str) -> Image.Image:
    """Read an image; raises `BenchError` if it differs from what its owner recorded."""
    try:
        image = read_rgb(path)
    except SampleError as error:
        raise BenchError(f"An image of {owner} cannot be shown ({error}).") from None
    if sha256_file(path) != sha256:
        raise BenchError(f"{path} differs from the image that {owner} recorded: make it again.")
    return image
