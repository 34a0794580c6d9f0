"""A prepared split on disk: its manifest, its samples, its fingerprints."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import SPLIT, SplitManifest
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
TIME_COLUMNS = ("t_start", "t_end", "t_input", "t_target")  # seconds; NaN (an empty cell): not told
COLUMNS = (
    *TEXT_COLUMNS[:6],
    *TIME_COLUMNS,
    *TEXT_COLUMNS[6:],
    "width",
    "height",
)


TRUTH = "truth.json"


@dataclass(frozen=True)
class Split:
    """A finished split; `samples` has one row a sample, in split order, with `COLUMNS`."""

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
        """None for a split made with --times-only."""
        return self.manifest.frames_fingerprint

    def require_frames(self) -> None:
        """Refuse a split that was made with --times-only."""
        if self.frames_fingerprint is None:
            raise BenchError(
                f"Split '{self.name}' contains times but no frames (--times-only): "
                "prepare it again with --videos DIR."
            )

    def truth(self) -> dict[str, dict[str, Any]]:
        """Sample id → what its data set knows of it beyond annotations; empty for most."""
        path = self.folder / TRUTH
        return dict(read_json(path)) if path.is_file() else {}

    def frame_path(self, relative: str) -> Path:
        return self.folder / relative


def load_split(folder: Path | str) -> Split:
    """Read a finished split; a missing or broken one is a `BenchError`."""
    folder = Path(folder)
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
        cells = (f"{cell:.6f}" if isinstance(cell, float) else str(cell) for cell in row)
        digest.update(("\x1f".join(cells) + "\n").encode())
    return digest.hexdigest()
