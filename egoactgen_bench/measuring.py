"""Measuring candidates sample by sample: each image is read once, each row kept as soon as known.

Work goes through the split in batches of samples, all candidates of a batch together, so that the
target frames and what metrics compute from them serve every run. A row is stored under the hashes
of the files and texts it was measured from: a call that was interrupted, or repeated with one run
more, measures only what is new, and a changed image is measured again. Several processes (torchrun)
own whole batches each; the first gathers what they found.
"""

import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.features import ABSENT, FeatureCache, short_keys
from egoactgen_bench.images import read_rgb
from egoactgen_bench.metrics.base import Metric
from egoactgen_bench.metrics.batch import Batch, Item, Role


@dataclass(frozen=True)
class Candidate:
    """A run, or a reference row: its image file or failure code by sample id."""

    name: str
    images: Mapping[str, Path]
    failures: Mapping[str, SampleError] = field(default_factory=dict)

    def __contains__(self, sample_id: str) -> bool:
        return sample_id in self.images or sample_id in self.failures


@dataclass(frozen=True)
class Sample:
    """One sample of the split: where its frames are, and its texts."""

    sample_id: str
    target: Path
    input: Path
    action: str
    description: str | None = None


@dataclass(frozen=True)
class Failure:
    """A value that could not be computed, with a stable code."""

    run: str
    sample_id: str
    metric: str
    code: str
    detail: str = ""


@dataclass
class Outcome:
    """What was measured: keys of rows (samples, candidates, metrics), 0 where there is none."""

    keys: NDArray[np.uint64]
    failures: list[Failure] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)  # metric → why it could not start


class Source:
    """One file's bytes and hash, read once; its picture, decoded once, if anyone asks."""

    def __init__(self, path: Path) -> None:
        self._picture: Image.Image | None = None
        self._path = path
        try:
            self._data = path.read_bytes()
        except OSError:
            raise SampleError("missing_image", str(path)) from None
        self.digest = hashlib.sha256(self._data).digest()

    def picture(self) -> Image.Image:
        if self._picture is None:
            self._picture = read_rgb(io.BytesIO(self._data), str(self._path))
        return self._picture
