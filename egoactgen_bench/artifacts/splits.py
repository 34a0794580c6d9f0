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
from egoactgen_bench.artifacts.workspace import Workspace, folder_or_name
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv, read_json

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


@dataclass(frozen=True, repr=False)
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
        """Raise `BenchError` for a split prepared with --times-only."""
        if self.frames_fingerprint is None:
            raise BenchError(
                f"Split '{self.name}' contains times but no frames (--times-only): "
                "prepare it again with --videos DIR."
            )

    def truth(self) -> dict[str, dict[str, Any]]:
        """Sample id → its data set's ground truth beyond the annotations; empty for most sets."""
        path = self.folder / TRUTH
        return dict(read_json(path)) if path.is_file() else {}

    def frame_path(self, relative: str) -> Path:
        """The path of the frame that a cell of `samples` names."""
        return self.folder / relative

    @cached_property
    def rejected(self) -> pd.DataFrame:
        """The annotation rows without a sample: row, reason (a stable code), detail."""
        return read_csv(self.folder / "rejected.csv", dtype=str)

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
    samples = read_csv(folder / "samples.csv", dtype=dict.fromkeys(TEXT_COLUMNS, str))
    times = [column for column in TIME_COLUMNS if column in samples]
    samples[times] = samples[times].apply(pd.to_numeric).astype(float)
    return Split(folder, manifest, samples)


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
