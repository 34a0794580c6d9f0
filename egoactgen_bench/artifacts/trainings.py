"""Trained weights on disk."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from egoactgen_bench.artifacts.manifests import TrainManifest
from egoactgen_bench.support.files import read_csv

LOSSES = "loss.csv"


@dataclass(frozen=True, repr=False)
class Training:
    """A finished training: a weights folder, which `run(weights=…)` takes by name or path."""

    folder: Path
    manifest: TrainManifest

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def losses(self) -> pd.DataFrame:
        """The loss of each step; empty if the trainer did not record it."""
        path = self.folder / LOSSES
        return read_csv(path) if path.is_file() else pd.DataFrame(columns=["step", "loss"])

    def __repr__(self) -> str:
        return (
            f"<Training '{self.name}': {self.manifest.trainer} on split '{self.manifest.split}', "
            f"{self.manifest.summary}>"
        )
