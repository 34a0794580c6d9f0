"""The contract of every data set, registered or not: stable samples with safe, unique ids.

    check_dataset(lambda: open_dataset("mine:Mine", annotations, videos))

opens the data set twice and lists each twice. No frame is read.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.options import resolve
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.safe_names import is_safe_id

CODE = re.compile(r"[a-z][a-z0-9_]*")


def check_dataset(open_it: Callable[[], Dataset]) -> list[ActionClip]:
    """Assert the contract and return the clips."""
    dataset = open_it()
    rows = list(dataset.clips())
    for what, again in (("listed again", dataset), ("opened again", open_it())):
        assert repr(list(again.clips())) == repr(rows), f"other clips when {what}"
    clips = [row for row in rows if isinstance(row, ActionClip)]
    rejections = [row for row in rows if isinstance(row, Rejection)]
    assert len(clips) + len(rejections) == len(rows), "something else than clips and rejections"
    assert clips, "no clip: check_dataset needs annotations that give some"
    _check_ids(clips)
    for clip in clips:
        _check_clip(dataset, clip)
    for code in (rejection.reason for rejection in rejections):
        assert CODE.fullmatch(code), f"reason '{code}' is not a stable code such as bad_row"
    _check_locations(dataset, clips)
    check_metric_defaults(dataset)
    check_recipe(dataset.recipe())
    _check_what_else_is_known(dataset, {clip.sample_id for clip in clips})
    return clips


def _check_ids(clips: list[ActionClip]) -> None:
    ids = [clip.sample_id for clip in clips]
    assert len(set(ids)) == len(ids), "a sample id is repeated"
    for sample_id in ids:
        assert is_safe_id(sample_id), f"sample id {sample_id!r} is not a safe file name"


def _check_clip(dataset: Dataset, clip: ActionClip) -> None:
    assert clip.dataset == dataset.name, f"a clip of '{clip.dataset}'"
    assert clip.row and clip.video_id and clip.action, "row, video_id and action are not empty"
    times = (clip.t_start, clip.t_end, clip.t_input, clip.t_target)
    assert not any(math.isinf(time) or time < 0 for time in times), "times are ≥ 0, or NaN"
    assert not clip.t_input > clip.t_target, "the target precedes the input"
    assert not clip.t_start > clip.t_end, "the action ends before it starts"


def _check_locations(dataset: Dataset, clips: list[ActionClip]) -> None:
    """Two sources, or a `SampleError`; any other error would end the preparation of a split."""
    for clip in clips:
        try:
            found = dataset.locate(clip)
        except SampleError as error:
            assert CODE.fullmatch(error.code), f"'{error.code}' is not a stable code"
            continue
        except Exception as error:
            raise AssertionError(f"locate raised {type(error).__name__}: {error}") from error
        assert len(found) == 2
        assert all(isinstance(source, FrameSource) for source in found)


def check_metric_defaults(dataset: Dataset) -> None:
    """Every default names a registered metric and one of its options, with a valid value."""
    for name, values in dataset.metric_defaults.items():
        assert name in plugins.registered("metrics"), f"default of the unknown metric '{name}'"
        try:
            resolve(plugins.find("metrics", name).Options, dict(values), f"Metric {name}")
        except BenchError as error:
            raise AssertionError(f"metric_defaults: {error}") from error


def check_recipe(recipe: dict[str, Any]) -> None:
    """The recipe is plain data without a path of this machine."""
    assert json.loads(json.dumps(recipe)) == recipe, "the recipe is not plain data"
    for text in _texts(recipe):
        absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
        inside = str(Path.home()) in text or str(Path.cwd()) in text
        assert not absolute and not inside, f"the recipe contains a path of this machine: {text}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from (key, *_texts(each))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _check_what_else_is_known(dataset: Dataset, ids: set[str]) -> None:
    assert is_safe_id(dataset.split_name)
    assert all(isinstance(notice, str) and notice for notice in dataset.notices())
    for name, texts in dataset.descriptions().items():
        assert is_safe_id(name)
        assert texts.keys() <= ids, f"descriptions '{name}' of unknown samples"
    truth = dataset.truth()
    assert not truth or ids <= truth.keys(), "the truth of some samples is missing"
    assert all(0 < seconds < math.inf for seconds in dataset.video_durations().values())
