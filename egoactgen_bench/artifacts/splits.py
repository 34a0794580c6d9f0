"""A prepared split on disk: its manifest, its samples, its fingerprints."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import SPLIT, SplitManifest
from egoactgen_bench.artifacts.sample_boxes import (
    BOXES,
    BoxesOfSample,
    read_boxes_table,
    stored_sizes,
)
from egoactgen_bench.artifacts.sample_tables import (
    check_count,
    check_files,
    check_ids,
    frame_stem,
    numbers,
)
from egoactgen_bench.artifacts.workspace import Workspace, folder_or_name
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv, read_json
from egoactgen_bench.support.regular_files import owned_path

TEXT_COLUMNS = (
    "sample_id",
    "dataset",
    "video_id",
    "action",
    "verb",
    "noun",
    "input_frame",
    "target_frame",
    "input_sha256",
    "target_sha256",
)
TIME_COLUMNS = ("t_start", "t_end", "t_input", "t_target")  # seconds; NaN (an empty cell): missing
COLUMNS = (
    *TEXT_COLUMNS[:6],
    *TIME_COLUMNS,
    *TEXT_COLUMNS[6:],
    "width",
    "height",
)


TRUTH = "truth.json"


@dataclass(frozen=True, repr=False, eq=False)
class Split:
    """A finished split; `samples` has one row per sample, in split order, with `COLUMNS`."""

    folder: Path
    manifest: SplitManifest
    samples: pd.DataFrame

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def fingerprint(self) -> str:
        return self.manifest.fingerprint

    @property
    def frames_fingerprint(self) -> str | None:
        """None for a split prepared with --times-only."""
        return self.manifest.frames_fingerprint

    def require_frames(self) -> None:
        """Raise `BenchError` for a split prepared with --times-only, and for a published one."""
        if self.frames_fingerprint is None:
            raise BenchError(
                f"Split '{self.name}' contains times but no frames (--times-only): "
                "prepare it again with --videos DIR."
            )
        if "input_frame" not in self.samples:
            raise BenchError(
                f"{self.folder} is a published split, without frames: prepare it with "
                "`bench prepare-splits`."
            )

    def truth(self) -> dict[str, dict[str, Any]]:
        """Sample id → its data set's ground truth beyond the annotations; empty for most sets."""
        path = owned_path(self.folder, TRUTH)
        found = read_json(path) if path.is_file() else {}
        facts = found.values() if isinstance(found, dict) else [found]
        if not (isinstance(found, dict) and all(isinstance(each, dict) for each in facts)):
            raise BenchError(f"{path} is not an object with one object per sample.")
        return found

    def boxes(self) -> dict[str, BoxesOfSample]:
        """Sample id → {"input": boxes, "target": boxes}; empty for a split without boxes.csv.

        A box is {"kind": "left_hand", "x": …, "y": …, "width": …, "height": …}, in pixels of the
        stored frame.
        """
        path = owned_path(self.folder, BOXES)
        if not path.is_file():
            return {}
        sizes = stored_sizes(self.samples, self.manifest.recipe)
        return read_boxes_table(path, self.samples["sample_id"], sizes)

    def frame_path(self, relative: str) -> Path:
        """The path of the frame that a cell of `samples` names.

        Raises `BenchError` if it is outside of the split.
        """
        return owned_path(self.folder, relative)

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """The annotation rows without a sample: row, reason (a stable code), detail."""
        path = owned_path(self.folder, "rejected.csv")
        return read_csv(path, ("row", "reason", "detail"), dtype=str)

    def __repr__(self) -> str:
        counts, frames = self.manifest.counts, self.frames_fingerprint
        parts = [
            f"Split '{self.name}': {counts.kept:,} samples from {self.manifest.dataset}",
            f"videos: {self.samples['video_id'].nunique():,}",
            f"rejected: {counts.rejected:,}",
            f"fingerprint {self.fingerprint[:12]}",
        ]
        return f"<{', '.join(parts + ([] if frames else ['times only']))}>"


def load_split(split: Path | str | None = None, *, workspace: Path | str | None = None) -> Split:
    """Load a finished split, by its folder or by its name in the workspace.

    `split` None is the latest finished test split, as on the command line. `workspace` defaults to
    `$BENCH_WORKSPACE`, else `./workspace`. Raises `BenchError` if the split is missing, unfinished
    or damaged.
    """
    folder = folder_or_name(split, SPLIT, Workspace.of(workspace).find_split)
    manifest = read_manifest(folder / SPLIT, SplitManifest)
    path = owned_path(folder, "samples.csv")
    samples = _samples(path)
    check_count(path, samples, manifest.counts.kept, SPLIT)
    return Split(folder, manifest, samples)


def _samples(path: Path) -> pd.DataFrame:
    """Read and check the samples of a split; a published one lacks labels and frames."""
    dtype = dict.fromkeys(TEXT_COLUMNS, str)
    samples = read_csv(path, ("sample_id", "video_id", *TIME_COLUMNS), dtype=dtype)
    check_ids(path, samples["sample_id"])
    if "action" in samples:
        if missing := [column for column in COLUMNS if column not in samples]:
            raise BenchError(f"{path} lacks the column {', '.join(missing)}.")
        for role in ("input", "target"):
            check_files(path, samples, f"{role}_frame", f"{role}_sha256", frame_stem(role))
    return numbers(path, samples, TIME_COLUMNS)


def fingerprint(samples: pd.DataFrame) -> str:
    """sha256 over the ordered sample ids, times and actions: equal for equal test sets."""
    columns = ["sample_id", "action", *TIME_COLUMNS]
    return _digest(samples[columns].itertuples(index=False, name=None))


def frames_fingerprint(samples: pd.DataFrame) -> str:
    """sha256 over the ordered hashes of the stored frames: equal for equal pixels and files."""
    columns = ["sample_id", "input_sha256", "target_sha256"]
    return _digest(samples[columns].itertuples(index=False, name=None))


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        # Microseconds rather than all digits: the last bits of a computed time differ between
        # platforms.
        cells = (f"{cell:.6f}" if isinstance(cell, float) else str(cell) for cell in row)
        digest.update(("\x1f".join(cells) + "\n").encode())
    return digest.hexdigest()
