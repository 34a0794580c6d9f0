"""What a split will hold, before any picture is read: its clips, its rejections, its cost."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.api import plugins
from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.options import resolve
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import Subset
from egoactgen_bench.artifacts.splits import TIME_COLUMNS, fingerprint
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.images import frame_size
from egoactgen_bench.support.safe_names import is_safe_id

# For estimates: PNG bytes a pixel of natural frames, and processor seconds to seek, decode, scale
# and store one frame of a 1080p H.264 video.
PNG_BYTES_PER_PIXEL = 1.5
SECONDS_PER_FRAME = 0.5


@dataclass(frozen=True)
class SplitPlan:
    """What the annotation allows, and where the frames are.

    `rows` holds every annotation row in order. `places` holds, for each sample, where its two
    frames are or why they are not to be had; it is empty where videos are not looked for.
    """

    dataset: Dataset
    name: str
    recipe: dict[str, Any]
    rows: list[ActionClip | Rejection]
    places: dict[str, tuple[FrameSource, FrameSource] | SampleError]

    @cached_property
    def clips(self) -> list[ActionClip]:
        return [row for row in self.rows if isinstance(row, ActionClip)]

    @cached_property
    def rejections(self) -> list[Rejection]:
        """The annotation's own; what is missing or broken among the videos comes later."""
        return [row for row in self.rows if isinstance(row, Rejection)]

    @cached_property
    def times_fingerprint(self) -> str:
        """The fingerprint that the split has if no frame is missing."""
        keys = ("sample_id", "action", *TIME_COLUMNS)
        columns = {key: [getattr(clip, key) for clip in self.clips] for key in keys}
        return fingerprint(pd.DataFrame(columns))

    @property
    def unlocated(self) -> Counter[str]:
        """How many samples have no video or image, by reason."""
        return Counter(
            place.code for place in self.places.values() if isinstance(place, SampleError)
        )

    def expected_cost(self, workers: int) -> tuple[int, float]:
        """Disk (bytes) and time (seconds) that the frames will take, roughly, from 16:9 1080p."""
        if self.recipe["times_only"]:
            return 0, 0.0
        width, height = frame_size(16, 9, self.recipe["size"] or 256)
        frames = 2 * (len(self.clips) - self.unlocated.total())
        disk = round(frames * width * height * PNG_BYTES_PER_PIXEL)
        return disk, frames * SECONDS_PER_FRAME / workers

    def video_list(self) -> tuple[list[str], float, int]:
        """Ids for the data set's downloader, their seconds in all, and how many have no length."""
        lengths = self.dataset.video_durations()
        videos = {clip.video_id for clip in self.clips}
        known = [lengths[video] for video in sorted(videos) if video in lengths]
        return self.dataset.downloader_ids(self.clips), sum(known), len(videos) - len(known)


def open_dataset(
    name: str,
    annotations: Path | None = None,
    videos: Path | None = None,
    subset: Subset = "val",
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """A registered data set by name, or one named as `module:Class`, with its own options."""
    plugin, _ = plugins.load("datasets", name)
    plugins.require_subclass(plugin, Dataset, name)
    chosen = resolve(plugin.Options, dict(options or {}), f"Data set {name}")
    dataset = plugin(annotations, videos, subset)
    dataset.options = chosen
    return dataset


def plan_split(
    dataset: Dataset,
    *,
    name: str | None = None,
    size: int = 256,
    limit: int | None = None,
    times_only: bool = False,
    locate: bool = True,
) -> SplitPlan:
    """List a data set's clips and find their frames, without reading a picture.

    `limit` keeps the first clips that the annotation's times allow. `locate` False looks for no
    videos: enough to count, not to extract.
    """
    name = name or dataset.split_name
    if not is_safe_id(name):
        raise BenchError(f"'{name}' is no name for a split: use letters, digits, '.', '_' and '-'.")
    rows: list[ActionClip | Rejection] = []
    places: dict[str, tuple[FrameSource, FrameSource] | SampleError] = {}
    seen: set[str] = set()
    for row in dataset.clips():
        rows.append(row)
        if isinstance(row, Rejection):
            continue
        _check_id(dataset, row.sample_id, seen)
        if locate and not times_only:
            places[row.sample_id] = _place(dataset, row)
        if len(seen) == limit:
            break
    if not seen:
        counts = by_reason(row for row in rows if isinstance(row, Rejection))
        raise BenchError(
            f"{dataset.name}: no row of the annotation gives a sample ({counts or 'it is empty'})."
        )
    recipe = {
        "times_only": times_only,
        "size": None if times_only or dataset.keeps_frames else size,
        "limit": limit,
        **dataset.recipe(),
    }
    return SplitPlan(dataset, name, recipe, rows, places)


def by_reason(rejections: Iterable[Rejection]) -> str:
    """`"undecodable 12, missing_video 3"`, the most frequent first."""
    counts = Counter(rejection.reason for rejection in rejections)
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())


def _place(dataset: Dataset, clip: ActionClip) -> tuple[FrameSource, FrameSource] | SampleError:
    try:
        return dataset.locate(clip)
    except SampleError as error:
        return error


def _check_id(dataset: Dataset, sample_id: str, seen: set[str]) -> None:
    if not is_safe_id(sample_id):
        raise BenchError(f"{dataset.name} gives the sample id {sample_id!r}: not a safe file name.")
    if sample_id in seen:
        raise BenchError(f"{dataset.name} gives the sample id '{sample_id}' twice.")
    seen.add(sample_id)
