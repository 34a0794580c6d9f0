"""The plan of a split, before any frame is read: its clips, rejections and cost."""

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from egoactgen_bench.api import plugins
from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.options import resolve
from egoactgen_bench.api.plugin_calls import (
    call,
    called,
    checked_record,
    plain_json,
    read,
    reporting,
    wrong_result,
)
from egoactgen_bench.api.plugin_declarations import build_plugin, require_subclass
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import Subset
from egoactgen_bench.artifacts.splits import TIME_COLUMNS, fingerprint
from egoactgen_bench.errors import NOT_A_CODE, BenchError, SampleError, did_you_mean
from egoactgen_bench.stages.prepare.sample_filters import NO_FILTERS, SampleFilters
from egoactgen_bench.support.images import frame_size
from egoactgen_bench.support.safe_names import is_safe_id
from egoactgen_bench.support.sample_drawing import draw_positions, drawing_record

# For estimates: PNG bytes per pixel of natural frames, and CPU seconds to seek, decode, resize and
# store one frame of a 1080p H.264 video.
PNG_BYTES_PER_PIXEL = 1.5
SECONDS_PER_FRAME = 0.5


@dataclass(frozen=True)
class SplitPlan:
    """The samples that the annotation gives, and the sources of their frames.

    `rows` contains every annotation row in order. `places` maps each sample id to the sources of
    its two frames or to the error that prevents them; it is empty if videos were not located.
    `boxes` are the user's, in place of those in the annotations.
    """

    dataset: Dataset
    name: str
    recipe: dict[str, Any]
    rows: list[ActionClip | Rejection]
    places: dict[str, tuple[FrameSource, FrameSource] | SampleError]
    filters: SampleFilters = NO_FILTERS
    boxes: Path | None = None

    @cached_property
    def clips(self) -> list[ActionClip]:
        return [row for row in self.rows if isinstance(row, ActionClip)]

    @cached_property
    def rejections(self) -> list[Rejection]:
        """The rows that the annotation rules out, without those of missing or broken videos."""
        return [row for row in self.rows if isinstance(row, Rejection)]

    @cached_property
    def times_fingerprint(self) -> str:
        """The split's fingerprint if no frame is missing."""
        keys = ("sample_id", "action", *TIME_COLUMNS)
        columns = {key: [getattr(clip, key) for clip in self.clips] for key in keys}
        return fingerprint(pd.DataFrame(columns))

    @property
    def unlocated(self) -> Counter[str]:
        """The number of samples without a video or image, by reason."""
        return Counter(
            place.code for place in self.places.values() if isinstance(place, SampleError)
        )

    def expected_cost(self, workers: int) -> tuple[int, float]:
        """Estimated disk space (bytes) and time (seconds) of the frames, for 16:9 1080p videos."""
        if self.recipe["times_only"]:
            return 0, 0.0
        width, height = frame_size(16, 9, self.recipe["size"] or 256)
        frames = 2 * (len(self.clips) - self.unlocated.total())
        disk = round(frames * width * height * PNG_BYTES_PER_PIXEL)
        return disk, frames * SECONDS_PER_FRAME / workers

    def video_list(self) -> tuple[list[str], float, int]:
        """Ids for the data set's downloader, total seconds, and the number of unknown durations."""
        lengths = call(self.dataset, "video_durations")
        videos = {clip.video_id for clip in self.clips}
        known = [lengths[video] for video in sorted(videos) if video in lengths]
        ids = call(self.dataset, "downloader_ids", self.clips)
        return ids, sum(known), len(videos) - len(known)


def open_dataset(
    name: str,
    annotations: Path | None = None,
    videos: Path | None = None,
    subset: Subset = "val",
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Build a data set, given as a registered name or `module:Class`, with its own options."""
    plugin, _ = plugins.load("datasets", name)
    require_subclass(plugin, Dataset, name)
    chosen = resolve(plugin.Options, dict(options or {}), f"Data set {name}")
    dataset: Dataset = build_plugin(plugin, annotations, videos, subset)
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
    filters: SampleFilters = NO_FILTERS,
    boxes: Path | None = None,
) -> SplitPlan:
    """List a data set's clips and locate their frames, without reading any.

    `limit` keeps this number of the clips with valid times, drawn from all videos; of a synthetic
    data set the first, since it generates no more. With `locate` False videos are not located,
    which is enough to count samples but not to extract frames.
    """
    name = name or read(dataset, "split_name")
    _check_metric_defaults(dataset)
    if not is_safe_id(name):
        raise BenchError(
            f"'{name}' is not a valid name for a split: use letters, digits, '.', '_' and '-'."
        )
    listed = _listed(dataset, limit if dataset.draws else None)
    rows, drawn = _drawn(listed, limit)
    located = locate and not times_only
    places = {
        row.sample_id: _place(dataset, row)
        for row in rows
        if located and isinstance(row, ActionClip)
    }
    _check_filters(filters, times_only, places)
    _check_boxes(boxes, times_only)
    recipe = {
        "times_only": times_only,
        "size": None if times_only or dataset.keeps_frames else size,
        "limit": limit,
        **drawn,
        **filters.recipe(),
        **plain_json(dataset, "recipe", call(dataset, "recipe")),
    }
    return SplitPlan(dataset, name, recipe, rows, places, filters, boxes)


def _check_boxes(boxes: Path | None, times_only: bool) -> None:
    """Raise `BenchError` for boxes that cannot be read or placed, before any frame is extracted."""
    if boxes is None:
        return
    if times_only:
        raise BenchError(
            "--boxes are placed in frames, which --times-only does not store: leave out one of "
            "them."
        )
    if not boxes.exists():
        raise BenchError(f"--boxes {boxes} does not exist: name a file or a folder.")


def _check_filters(
    filters: SampleFilters,
    times_only: bool,
    places: Mapping[str, tuple[FrameSource, FrameSource] | SampleError],
) -> None:
    """Raise `BenchError` for filters that cannot be applied."""
    if filters and times_only:
        raise BenchError(
            "The filters (--min-sharpness, --min-similarity, --max-similarity) need frames, which "
            "--times-only does not read: leave out one of them."
        )
    low, high = filters.min_similarity, filters.max_similarity
    if low is not None and high is not None and low > high:
        raise BenchError(
            f"--min-similarity {low:g} is larger than --max-similarity {high:g}, which would "
            "reject every sample."
        )
    if filters.compares_neighbours:
        for found in places.values():
            if not isinstance(found, SampleError) and any(each.time is None for each in found):
                raise BenchError(
                    f"--min-sharpness compares a frame with its neighbours in a video, and "
                    f"{found[0].path} is not a video: use the videos, or leave out the option."
                )


def _listed(dataset: Dataset, most: int | None) -> list[ActionClip | Rejection]:
    """The data set's rows, up to the clip number `most`. Raises `BenchError` if none is a clip."""
    rows: list[ActionClip | Rejection] = []
    seen: set[str] = set()
    for row in _rows(dataset):
        rows.append(row)
        if isinstance(row, ActionClip):
            _check_id(dataset, row.sample_id, seen)
            if len(seen) == most:
                break
    if not seen:
        counts = by_reason(row for row in rows if isinstance(row, Rejection))
        raise BenchError(
            f"{dataset.name}: no annotation row gives a sample ({counts or 'it is empty'})."
        )
    return rows


def _drawn(
    rows: list[ActionClip | Rejection], limit: int | None
) -> tuple[list[ActionClip | Rejection], dict[str, Any]]:
    """All rejections and `limit` of the clips, and the recipe's entry about the draw, if any."""
    clips = [row for row in rows if isinstance(row, ActionClip)]
    record = drawing_record(len(clips), limit)
    if record is None:
        return rows, {}
    ids, videos = zip(*((clip.sample_id, clip.video_id) for clip in clips), strict=True)
    chosen = {ids[position] for position in draw_positions(ids, videos, limit)}
    kept = [row for row in rows if isinstance(row, Rejection) or row.sample_id in chosen]
    return kept, {"drawn": record}


def by_reason(rejections: Iterable[Rejection]) -> str:
    """`"undecodable 12, missing_video 3"`, the most frequent first."""
    counts = Counter(rejection.reason for rejection in rejections)
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())


def _rows(dataset: Dataset) -> Iterator[ActionClip | Rejection]:
    """The data set's rows, checked."""
    with reporting(dataset, "clips"):
        rows = dataset.clips()
    if not isinstance(rows, Iterable):
        raise wrong_result(dataset, "clips", rows, "an iterator of ActionClip and Rejection")
    rows, end = iter(rows), object()
    while True:
        with reporting(dataset, "clips"):
            row = next(rows, end)
        if row is end:
            return
        yield checked_record(dataset, "clips", row, (ActionClip, Rejection))


def _place(dataset: Dataset, clip: ActionClip) -> tuple[FrameSource, FrameSource] | SampleError:
    try:
        sources = call(dataset, "locate", clip, samples=True)
    except SampleError as error:
        if error.is_valid:
            return error
        raise BenchError(f"{called(dataset)}.locate raised {error!r}, {NOT_A_CODE}.") from None
    first, last = (checked_record(dataset, "locate", each, (FrameSource,)) for each in sources)
    return first, last


def _check_metric_defaults(dataset: Dataset) -> None:
    """Raise `BenchError` for unknown options of metrics, and for misspelt metrics.

    Other unknown metrics may be plug-ins that are not registered.
    """
    known = plugins.registered("metrics")
    for metric, values in read(dataset, "metric_defaults").items():
        who = f"{called(dataset)}.metric_defaults"
        if metric in known:
            resolve(plugins.find("metrics", metric).Options, dict(values), f"{who}: {metric}")
        elif difflib.get_close_matches(metric, known):
            raise BenchError(f"{who}: unknown metric '{metric}'.{did_you_mean(metric, known)}")


def _check_id(dataset: Dataset, sample_id: str, seen: set[str]) -> None:
    if not is_safe_id(sample_id):
        raise BenchError(
            f"{dataset.name} gives the sample id {sample_id!r}, which is not a safe file name."
        )
    if sample_id in seen:
        raise BenchError(f"{dataset.name} gives the sample id '{sample_id}' twice.")
    seen.add(sample_id)
