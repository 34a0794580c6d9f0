"""A finished run on disk: its manifest and its samples."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from egoactgen_bench.artifacts.batch_journal import OK
from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import RUN, RunManifest
from egoactgen_bench.artifacts.sample_tables import check_count, check_files, check_ids, image_stem
from egoactgen_bench.artifacts.workspace import Workspace, folder_or_name
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv
from egoactgen_bench.support.regular_files import owned_path
from egoactgen_bench.support.safe_names import is_safe_id

TEXT_COLUMNS = ("sample_id", "image", "sha256", "prompt", "status", "detail")
NEEDED = ("sample_id", "image", "sha256", "status")
COLUMNS = (*TEXT_COLUMNS[:3], "seed", *TEXT_COLUMNS[3:5], "seconds", "detail")


@dataclass(frozen=True, repr=False, eq=False)
class Run:
    """A finished run; `samples` has one row per sample, in split order, with `COLUMNS`.

    A failed sample has its reason code as `status`, an explanation as `detail`, and no image.
    """

    folder: Path
    manifest: RunManifest
    samples: pd.DataFrame

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def method(self) -> str:
        return self.manifest.method

    @property
    def split(self) -> str:
        """The name of the split that was run."""
        return self.manifest.split

    @property
    def fingerprint(self) -> str:
        """The split's fingerprint."""
        return self.manifest.fingerprint

    @property
    def frames_fingerprint(self) -> str:
        return self.manifest.frames_fingerprint

    @property
    def complete(self) -> bool:
        """False for the result of one shard while others are missing."""
        return self.manifest.counts is not None

    @property
    def finished(self) -> pd.DataFrame:
        """The samples that have an image."""
        return self.samples[self.samples["status"] == OK]

    @property
    def failed(self) -> pd.DataFrame:
        """The samples without an image."""
        return self.samples[self.samples["status"] != OK]

    @property
    def images(self) -> dict[str, Path]:
        """Sample id → the file of its generated image, for the samples that have one."""
        cells = zip(self.finished["sample_id"], self.finished["image"], strict=True)
        return {sample_id: self.image_path(image) for sample_id, image in cells}

    def __repr__(self) -> str:
        failed = f", {len(self.failed):,} failed" if len(self.failed) else ""
        partial = "" if self.complete else ", shards are missing"
        return (
            f"<Run '{self.name}': {len(self.finished):,} images by {self.method} on split "
            f"'{self.split}', seed {self.manifest.seed}{failed}{partial}>"
        )

    def image_path(self, relative: str) -> Path:
        """The path of the image that a row's `image` cell names.

        Raises `BenchError` if it is outside of the run.
        """
        return owned_path(self.folder, relative)


def default_name(method: str) -> str:
    """The name of a method's run: `lego` → lego, `images:/data/mine` → images-mine."""
    head, colon, argument = method.partition(":")
    name = f"{head}-{Path(argument).resolve().name}" if colon else head
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".")[:128]
    if not is_safe_id(name):
        raise BenchError(f"Method '{method}' provides no name for its run: give one with --name.")
    return name


def load_run(
    run: Path | str, *, split: str | None = None, workspace: Path | str | None = None
) -> Run:
    """Load a finished run, by its folder or by its name in the workspace.

    `split` is the name of its split (default: the latest finished test split). Raises `BenchError`
    if the run is missing, unfinished or damaged.
    """
    place = Workspace.of(workspace)

    def find(name: str | None) -> Path:
        return place.find_run(split or place.find_split(None).name, name or "")

    folder = folder_or_name(run, RUN, find)
    manifest = read_manifest(folder / RUN, RunManifest)
    path = owned_path(folder, "samples.csv")
    samples = read_samples(path)
    check_count(path, samples, manifest.counts.samples if manifest.counts else None, RUN)
    return Run(folder, manifest, samples)


def read_samples(path: Path) -> pd.DataFrame:
    """Read the samples.csv of a run. Raises `BenchError` if it names other files than its own."""
    samples = read_csv(path, NEEDED, dtype=dict.fromkeys(TEXT_COLUMNS, str))
    check_ids(path, samples["sample_id"])
    check_files(path, samples, "image", "sha256", image_stem)
    without = samples["sample_id"][(samples["status"] == OK) & (samples["image"] == "")]
    if len(without):
        raise BenchError(f"{path}: sample '{without.iloc[0]}' has status ok but no image.")
    return samples
