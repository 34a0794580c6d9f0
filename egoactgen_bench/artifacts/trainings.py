"""Trained weights on disk."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import TRAIN, TrainManifest
from egoactgen_bench.artifacts.workspace import Workspace, folder_or_name
from egoactgen_bench.support.files import read_csv
from egoactgen_bench.support.regular_files import owned_path

LOSSES = "loss.csv"


@dataclass(frozen=True, repr=False, eq=False)
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
        path, columns = owned_path(self.folder, LOSSES), ["step", "loss"]
        return read_csv(path, columns) if path.is_file() else pd.DataFrame(columns=columns)

    def __repr__(self) -> str:
        summary = f", {self.manifest.summary}" if self.manifest.summary else ""
        return (
            f"<Training '{self.name}': {self.manifest.trainer} on split '{self.manifest.split}'"
            f"{summary}>"
        )


def load_training(
    training: Path | str, *, workspace: Workspace | Path | str | None = None
) -> Training:
    """Load trained weights, by their folder or by their name in the workspace.

    Raises `BenchError` if the weights are missing, unfinished, or not those of `bench train`.
    """
    models = Workspace.of(workspace).models
    folder = folder_or_name(training, TRAIN, lambda name: models / (name or ""))
    return Training(folder, read_manifest(folder / TRAIN, TrainManifest))
