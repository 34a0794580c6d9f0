"""User studies on disk."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import STUDY
from egoactgen_bench.artifacts.study_manifests import StudyManifest
from egoactgen_bench.artifacts.workspace import Workspace, folder_or_name
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.files import read_csv, sha256_bytes
from egoactgen_bench.support.regular_files import owned_path

KEY_COLUMNS = ("task", "position", "run", "sample_id", "kind")
RATING_COLUMNS = ("task", "sample_id", "worker", "kind")
StudyKind = Literal["best-of", "description"]


@dataclass(frozen=True, repr=False, eq=False)
class Study:
    """A user study that is ready to be run.

    `notices` are for those who run it, and are not stored.
    """

    folder: Path
    manifest: StudyManifest
    notices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def batch(self) -> pd.DataFrame:
        """batch.csv, which is uploaded to Mechanical Turk: one row per task."""
        return read_csv(owned_path(self.folder, "batch.csv"), ("task",), dtype=str)

    @property
    def key(self) -> pd.DataFrame:
        """key.csv, which must stay private: the run behind each position of each task."""
        return read_csv(owned_path(self.folder, "key.csv"), KEY_COLUMNS, dtype=str)

    @property
    def ratings(self) -> pd.DataFrame:
        """ratings.csv, the answers that `bench import-amt` has read: one row per answer."""
        path = owned_path(self.folder, "ratings.csv")
        if not path.is_file():
            raise BenchError(
                f"Study '{self.name}' has no answers: import the raters' with `bench import-amt`."
            )
        return read_csv(path, RATING_COLUMNS, dtype=str)

    def __repr__(self) -> str:
        counts = self.manifest.counts
        return (
            f"<Study '{self.name}': {self.manifest.study} over "
            f"{', '.join(self.manifest.candidates)}, {counts.votes + counts.checks} tasks on "
            f"{counts.examples} examples of split '{self.manifest.split}'>"
        )


def images_digest(samples: pd.DataFrame, examples: Iterable[str]) -> str:
    """sha256 over the hashes of a run's images of `examples`; `samples` is its samples.csv."""
    wanted = set(examples)
    rows = samples[[each in wanted for each in samples["sample_id"].tolist()]]
    shown = sorted(zip(rows["sample_id"], rows["sha256"], strict=True))
    return sha256_bytes("".join(f"{sample} {sha256}\n" for sample, sha256 in shown).encode())


def load_study(study: Path | str | None = None, *, workspace: Path | str | None = None) -> Study:
    """Load a finished study, by its folder or by its name in the workspace (default: the latest).

    Raises `BenchError` if the study is missing or unfinished.
    """
    place = Workspace.of(workspace)
    folder = folder_or_name(study, STUDY, lambda name: find_study(place, name))
    return Study(folder, read_manifest(folder / STUDY, StudyManifest))


def find_study(workspace: Workspace, name: str | None) -> Path:
    """The folder of a finished study by its path or name; by default the latest."""
    if name is not None:
        folder = next((f for f in (Path(name), workspace.study(name)) if f.is_dir()), Path(name))
        if not (folder / STUDY).is_file():
            known = [path.parent.name for path in workspace.root.glob(f"studies/*/{STUDY}")]
            raise BenchError(
                f"{folder} contains no finished study (no {STUDY}): make one with "
                f"`bench export-amt`.{did_you_mean(name, known)}"
            )
        return folder
    finished = list(workspace.root.glob(f"studies/*/{STUDY}"))
    if not finished:
        raise BenchError(
            f"{workspace.root / 'studies'} contains no finished study: name its folder with "
            "--study, or make one with `bench export-amt`."
        )
    return max(finished, key=lambda path: path.stat().st_mtime_ns).parent
