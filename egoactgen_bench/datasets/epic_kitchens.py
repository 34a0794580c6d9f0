"""EPIC-KITCHENS-100: annotation CSVs, videos and extracted frames."""

import csv
import math
import re
from collections.abc import Collection, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import MetricDefaults, Subset
from egoactgen_bench.datasets.epic_frames import FRAME_PLACES, ExtractedFrames
from egoactgen_bench.datasets.epic_videos import VALIDATION_VIDEOS, VIDEO_PATTERNS
from egoactgen_bench.datasets.video_locating import index_videos
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.safe_names import is_safe_id

INPUT_LEAD = 0.25  # seconds before the action starts
TARGET_SHARE = 0.6  # of the action's duration

_FILES = {"val": "EPIC_100_validation.csv", "train": "EPIC_100_train.csv"}
_COLUMNS = (
    "narration_id",
    "video_id",
    "start_timestamp",
    "stop_timestamp",
    "narration",
    "verb",
    "noun",
)
# Words in the names of annotation files, such as EPIC_100_retrieval_train.csv
_SUBSET_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "validation": "val",
}
_TIMESTAMP = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d+)?)", re.ASCII)


# EPIC_100_unseen_participant_ids_validation.csv of the official annotations
UNSEEN = frozenset({"P18", "P32"})


class EpicKitchens(Dataset):
    """EPIC-KITCHENS-100 action segments (annotation CSV; videos or extracted rgb_frames)."""

    name: ClassVar[str] = "epic-kitchens"
    licence: ClassVar[str | None] = "EPIC-KITCHENS licence (CC BY-NC 4.0)"
    metric_defaults: ClassVar[MetricDefaults] = {"egovlp": {"clip_length": "16-frame"}}

    @classmethod
    def participant_slice(cls, video_id: str, train: Collection[str] | None = None) -> str:
        participant = video_id.partition("_")[0]
        unseen = participant in UNSEEN if train is None else participant not in train
        return "unseen" if unseen else "seen"

    def __init__(self, annotations: Path | None, videos: Path | None, subset: Subset) -> None:
        super().__init__(annotations, videos, subset)
        self._video_ids: set[str] = set()
        self._used: set[str] = set()  # the kinds of sources that `locate` returned

    def clips(self) -> Iterator[ActionClip | Rejection]:
        seen: set[str] = set()
        self._video_ids = set()
        for line, row in _rows(self._csv):
            result = row if isinstance(row, Rejection) else _clip(line, row)
            if isinstance(result, ActionClip):
                if result.sample_id in seen:
                    result = Rejection(result.row, "bad_row", f"{line}: duplicate narration_id")
                else:
                    seen.add(result.sample_id)
                    self._video_ids.add(result.video_id)
            yield result

    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        """The video if it is there, else its extracted frames; each video may differ."""
        path = self._videos.get(clip.video_id)
        if path is not None:
            self._used.add("videos")
            return FrameSource(path, clip.t_input), FrameSource(path, clip.t_target)
        if not self._frames.contain(clip.video_id):
            raise self.missing_video(clip.video_id)
        self._used.add("rgb_frames")
        frames = self._frames
        return frames.at(clip.video_id, clip.t_input), frames.at(clip.video_id, clip.t_target)

    def searched(self) -> list[str]:
        frames = [f"{place}/P01_01[.tar]" for place in FRAME_PLACES]
        return [*(f"{pattern}.mp4" for pattern in VIDEO_PATTERNS), *frames]

    def recipe(self) -> dict[str, Any]:
        source = None
        if self.videos is not None:
            unused = "videos" if self._videos else "rgb_frames"
            source = ", ".join(sorted(self._used, reverse=True)) or unused
        return {
            "annotations": {self._csv.name: sha256_file(self._csv)},
            "t_input": f"t_start - {INPUT_LEAD}",
            "t_target": f"t_start + {TARGET_SHARE} * (t_end - t_start)",
            "source": source,
        }

    def notices(self) -> list[str]:
        if self.subset != "val" or self._csv.name == _FILES["val"]:
            return []
        other = self._video_ids - VALIDATION_VIDEOS
        if not other:
            return []
        return [
            f"{len(other):,} of the {len(self._video_ids):,} videos of {self._csv.name} are not in "
            "the validation set of EPIC-KITCHENS-100: if these are training annotations, pass "
            "--subset train."
        ]

    def video_durations(self) -> dict[str, float]:
        if self._video_info is None:
            return {}
        return {video_id: info["duration"] for video_id, info in self._video_info.items()}

    @cached_property
    def _csv(self) -> Path:
        """The annotation file of the subset; a file named after the other subset is refused.

        A split under the wrong subset's name would let a model be tested on its training data.
        """
        path = self.annotation_path()
        wanted = _FILES[self.subset]
        if path.is_dir():
            path = path / wanted
            if not path.is_file():
                raise BenchError(
                    f"{path} does not exist: subset '{self.subset}' needs this file of the "
                    "annotations."
                )
        words = re.split(r"[^a-z]+", path.stem.lower())
        named = {_SUBSET_WORDS[word] for word in words if word in _SUBSET_WORDS}
        if named and self.subset not in named:
            (subset,) = named
            raise BenchError(
                f"{path.name} contains the subset '{subset}', not '{self.subset}': "
                f"pass --subset {subset}, or the file {wanted}."
            )
        return path

    @cached_property
    def _videos(self) -> dict[str, Path]:
        return index_videos(self.videos, VIDEO_PATTERNS)

    @cached_property
    def _frames(self) -> ExtractedFrames:
        assert self.videos is not None  # `locate` reads `_videos` first, which refuses None
        rates = None
        if self._video_info is not None:
            rates = {video_id: info["fps"] for video_id, info in self._video_info.items()}
        return ExtractedFrames(self.videos, rates)

    @cached_property
    def _video_info(self) -> dict[str, dict[str, float]] | None:
        """Video id → duration (seconds) and fps; None without EPIC_100_video_info.csv."""
        folder = self._csv.parent
        for place in (folder, self.videos):
            if place is not None and (place / "EPIC_100_video_info.csv").is_file():
                return _read_video_info(place / "EPIC_100_video_info.csv")
        return None


def _clip(line: str, row: dict[str, str]) -> ActionClip | Rejection:
    row_id = row["narration_id"]
    try:
        t_start, t_end = _seconds(row["start_timestamp"]), _seconds(row["stop_timestamp"])
        _check(row, t_start, t_end)
    except ValueError as error:
        return Rejection(row_id or line, "bad_row", f"{line}: {error}")
    # Rounded to microseconds: in floats, 1.07 − 0.25 is 0.8200000000000001.
    t_input = round(t_start - INPUT_LEAD, 6)
    if t_input < 0:
        return Rejection(row_id, "input_before_start", f"t_input = {t_input:g} s")
    return ActionClip(
        row=row_id,
        sample_id=row_id,
        dataset=EpicKitchens.name,
        video_id=row["video_id"],
        action=row["narration"].strip(),
        verb=row["verb"],
        noun=row["noun"],
        t_start=t_start,
        t_end=t_end,
        t_input=t_input,
        t_target=round(t_start + TARGET_SHARE * (t_end - t_start), 6),
    )


def _check(row: dict[str, str], t_start: float, t_end: float) -> None:
    for column in ("narration_id", "video_id"):
        if not is_safe_id(row[column]):
            raise ValueError(f"{column} {row[column][:80]!r} is not a plain file name")
    if not row["narration"].strip():
        raise ValueError("narration is empty")
    if t_end <= t_start:
        raise ValueError(f"stop_timestamp {t_end:g} s is not after start_timestamp {t_start:g} s")


def _seconds(timestamp: str) -> float:
    """`"00:01:02.50"` → 62.5."""
    match = _TIMESTAMP.fullmatch(timestamp)
    if match is None:
        raise ValueError(f"timestamp {timestamp[:40]!r} is not HH:MM:SS.ff")
    hours, minutes, seconds = match.groups()
    return round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 6)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str] | Rejection]]:
    """Each row with its line, as "line N".

    Every line is parsed separately (no cell of these files contains a newline), so that a stray
    quote or an invalid byte does not affect the rows after it.
    """
    with path.open("rb") as stream:
        try:
            header = _cells(stream.readline().removeprefix(b"\xef\xbb\xbf"))
        except ValueError as error:
            raise BenchError(f"{path} has no readable header ({error}).") from None
        missing = [column for column in _COLUMNS if column not in header]
        if missing:
            raise BenchError(
                f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}: pass an "
                f"annotation file of EPIC-KITCHENS-100, such as {_FILES['val']}."
            )
        id_place = header.index("narration_id")
        for number, raw in enumerate(stream, start=2):
            if not raw.strip():
                continue
            line = f"line {number}"
            try:
                cells = _cells(raw)
            except ValueError as error:
                yield line, Rejection(line, "bad_row", f"{line}: {error}")
                continue
            if len(cells) == len(header):
                yield line, dict(zip(header, cells, strict=True))
                continue
            row_id = cells[id_place] if id_place < len(cells) else ""
            detail = f"{line}: {len(cells)} cells, expected {len(header)}"
            yield line, Rejection(row_id or line, "bad_row", detail)


def _cells(raw: bytes) -> list[str]:
    """The cells of one line; `ValueError` if it is not UTF-8 or its quotes do not match."""
    text = raw.decode("utf-8").rstrip("\r\n")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def _read_video_info(path: Path) -> dict[str, dict[str, float]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            return {
                row["video_id"]: {key: _finite(row[key]) for key in ("duration", "fps")}
                for row in csv.DictReader(stream)
            }
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise BenchError(
                f"{path} is not a readable list of videos with the columns video_id, duration and "
                f"fps ({type(error).__name__}: {error}): download it again."
            ) from None
