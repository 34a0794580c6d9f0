"""Ego4D FHO: its annotation files, read as streams, and its videos and clips."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import Subset
from egoactgen_bench.datasets.ego4d_actions import (
    FPS,
    INPUT_ROLE,
    TARGET_ROLE,
    FrameNumbers,
    narrated_actions,
    read_action,
)
from egoactgen_bench.datasets.json_streaming import stream_items
from egoactgen_bench.datasets.video_locating import index_videos
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.safe_names import is_safe_id

_MAIN = "fho_main.json"
_MAIN_PLACES = (_MAIN, f"annotations/{_MAIN}", f"v2/annotations/{_MAIN}", f"v1/annotations/{_MAIN}")
_SOURCES = {
    "full_scale": ("full_scale/*", "*/full_scale/*"),
    "flat": ("*",),
    "video_540ss": ("video_540ss/*", "*/video_540ss/*"),
    "clips": ("clips/*", "*/clips/*"),
}


class Ego4D(Dataset):
    """Ego4D FHO narrated actions (fho_main.json; full_scale, video_540ss or clips)."""

    name: ClassVar[str] = "ego4d"
    licence: ClassVar[str | None] = "Ego4D license agreement"

    def __init__(self, annotations: Path | None, videos: Path | None, subset: Subset) -> None:
        super().__init__(annotations, videos, subset)
        self._frames: dict[str, FrameNumbers] = {}
        self._durations: dict[str, float] = {}
        self._without_split = 0

    def clips(self) -> Iterator[ActionClip | Rejection]:
        self._frames, self._durations, self._without_split = {}, {}, 0
        for index, video in enumerate(stream_items(self._main, "videos.item")):
            if not isinstance(video, dict):
                yield Rejection(f"videos[{index}]", "bad_row", f"a {type(video).__name__}")
                continue
            uid = video.get("video_uid")
            if not isinstance(uid, str) or not is_safe_id(uid):
                for row, _, _ in narrated_actions(video, f"videos[{index}]"):
                    yield Rejection(row, "bad_row", "video_uid is not a plain file name")
            elif self._is_wanted(uid):
                yield from self._clips_of(uid, video)

    def _is_wanted(self, uid: str) -> bool:
        if self._splits is None:
            return True
        split, _ = self._splits.get(uid, (None, ()))
        self._without_split += split not in ("train", "val", "test")
        return split == self.subset

    def _clips_of(self, uid: str, video: dict[str, Any]) -> Iterator[ActionClip | Rejection]:
        _, redacted = (self._splits or {}).get(uid, (None, ()))
        duration, frame_count = _length(video)
        if duration is not None:
            self._durations[uid] = duration
        for row, interval, action in narrated_actions(video, uid):
            try:
                found = read_action(action, interval, redacted, frame_count)
                sample_id = self._new_id(f"{uid}_{found.frames.target}")
            except SampleError as error:
                yield Rejection(row, error.code, error.detail)
                continue
            self._frames[sample_id] = found.frames
            yield ActionClip(
                row=row,
                sample_id=sample_id,
                dataset=self.name,
                video_id=uid,
                action=found.action,
                verb=found.verb,
                noun=found.noun,
                t_start=found.t_start,
                t_end=found.t_end,
                t_input=found.frames.input / FPS,
                t_target=found.frames.target / FPS,
            )

    def _new_id(self, base: str) -> str:
        sample_id, number = base, 1
        while sample_id in self._frames:
            number += 1
            sample_id = f"{base}-{number}"
        if not is_safe_id(sample_id):
            raise SampleError("bad_row", "video_uid is too long for a file name")
        return sample_id

    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        """The frames of a clip that this reader's `clips` yielded.

        They come from the first of full_scale, a flat folder, video_540ss and clips that contains
        the video. Raises `SampleError` `missing_video`, or `no_clip_frame` if the clip's file does
        not contain both frames.
        """
        for source in ("full_scale", "flat", "video_540ss"):
            path = self._videos[source].get(clip.video_id)
            if path is not None:
                return FrameSource(path, clip.t_input), FrameSource(path, clip.t_target)
        frames = self._frames[clip.sample_id]
        clip_uid = frames.clip_uid or ""
        path = self._videos["clips"].get(clip_uid) or self._videos["flat"].get(clip_uid)
        if path is None:
            raise self.missing_video(clip.video_id)
        if frames.clip_input is None or frames.clip_target is None or frames.clip_input < 0:
            raise SampleError("no_clip_frame", f"{path.name} has no {INPUT_ROLE} or {TARGET_ROLE}")
        return (
            FrameSource(path, frames.clip_input / FPS),
            FrameSource(path, frames.clip_target / FPS),
        )

    def searched(self) -> list[str]:
        return [f"{pattern}.mp4" for patterns in _SOURCES.values() for pattern in patterns]

    def recipe(self) -> dict[str, Any]:
        files = [self._main, *([self._metadata] if self._metadata else [])]
        sources = None
        if self.videos is not None:
            sources = [source for source, found in self._videos.items() if found]
        return {
            "annotations": {path.name: sha256_file(path) for path in files},
            "t_input": f"{INPUT_ROLE} / {FPS}",
            "t_target": f"{TARGET_ROLE} / {FPS}",
            "label": "narration without #C C, first word in its base form (lemminflect)",
            "sources": sources,
        }

    def notices(self) -> list[str]:
        if self._metadata is None:
            return [
                f"ego4d.json is not in the folder of {self._main.name} or above: all videos are "
                "taken as val, and only intervals marked as redacted are skipped, not redacted "
                "passages within an interval."
            ]
        if self._without_split:
            return [f"{self._without_split} videos are left out: they are not in any FHO split."]
        return []

    def boxes_path(self) -> Path | None:
        return self._main

    def video_durations(self) -> dict[str, float]:
        return self._durations

    @cached_property
    def _main(self) -> Path:
        path = self.annotation_path()
        if path.is_file():
            return path
        for place in _MAIN_PLACES:
            if (path / place).is_file():
                return path / place
        raise BenchError(
            f"{path} does not contain {_MAIN}: pass the file or its folder as --annotations."
        )

    @cached_property
    def _metadata(self) -> Path | None:
        """ego4d.json in the folder of the annotations, or up to two above (as downloaded)."""
        for folder in list(self._main.absolute().parents)[:3]:
            if (folder / "ego4d.json").is_file():
                return folder / "ego4d.json"
        return None

    @cached_property
    def _splits(self) -> dict[str, tuple[str | None, tuple[tuple[float, float], ...]]] | None:
        """Video uid → (split_fho, redacted intervals in seconds); None without ego4d.json."""
        if self._metadata is None:
            if self.subset != "val":
                raise BenchError(
                    f"Subset '{self.subset}' needs ego4d.json, which lists the splits: put it into "
                    f"the folder of {self._main.name}."
                )
            return None
        try:
            return {
                str(video["video_uid"]): (video.get("split_fho"), _redacted(video))
                for video in stream_items(self._metadata, "videos.item")
            }
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BenchError(
                f"{self._metadata} is not Ego4D's list of videos ({type(error).__name__}: {error})."
            ) from None

    @cached_property
    def _videos(self) -> dict[str, dict[str, Path]]:
        return {
            source: index_videos(self.videos, patterns) for source, patterns in _SOURCES.items()
        }


def _redacted(video: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    return tuple(
        (float(interval["start_sec"]), float(interval["end_sec"]))
        for interval in video.get("redacted_intervals") or ()
    )


def _length(video: dict[str, Any]) -> tuple[float | None, int | None]:
    """Duration in seconds and number of frames, each None if the annotations do not state it."""
    metadata = video.get("video_metadata")
    if not isinstance(metadata, dict):
        return None, None
    seconds, frames = metadata.get("duration_sec"), metadata.get("num_frames")
    return (
        float(seconds) if isinstance(seconds, int | float) and 0 < seconds < 1e9 else None,
        frames if isinstance(frames, int) and not isinstance(frames, bool) and frames > 0 else None,
    )
