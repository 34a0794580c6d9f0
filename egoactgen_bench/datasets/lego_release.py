"""The data set released by LEGO's authors: pairs of extracted frames with action labels."""

import math
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.api.records import ActionClip, FrameSource, Rejection
from egoactgen_bench.artifacts.manifests import MetricDefaults, Subset
from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.errors import BenchError, SampleError
from egoactgen_bench.support.files import RepeatedKeys, read_json, sha256_file
from egoactgen_bench.support.safe_names import is_safe_id

_PARTS = {"ego4d": "ego4d.fho", "epickitchen": "epickitchen"}  # name in files → name of its folder
_FILE_NAME = re.compile(rf"({'|'.join(_PARTS)})_(train|val)\.json")
_IMAGES = ("image_0", "image_1")  # input, target
_FRAME_NUMBER = re.compile(r"(\d{1,10})$", re.ASCII)


class LegoRelease(Dataset):
    """The LEGO authors' released pairs ({ego4d,epickitchen}_{val,train}.json and EgoGen/)."""

    name: ClassVar[str] = "lego-release"
    licence: ClassVar[str | None] = (
        "licences of Ego4D and EPIC-KITCHENS, whose frames the released LEGO data contain"
    )
    keeps_frames: ClassVar[bool] = True

    def __init__(self, annotations: Path | None, videos: Path | None, subset: Subset) -> None:
        super().__init__(annotations, videos, subset)
        self._images: dict[str, tuple[str, str]] = {}
        self._descriptions: dict[str, dict[str, str]] = {}

    @property
    def metric_defaults(self) -> MetricDefaults:
        return {} if self._part == "ego4d" else {"egovlp": {"clip_length": "16-frame"}}

    @property
    def split_name(self) -> str:
        return f"{self.name}-{self._part}-{self.subset}"

    def clips(self) -> Iterator[ActionClip | Rejection]:
        """The released pairs.

        `t_input` and `t_target` are frame number / fps, or NaN if the file name or the metadata
        lack them. `t_start` and `t_end` are NaN: the release does not state them.
        """
        self._images, self._descriptions = {}, {}
        for clip_id, actions in _items(self._entries):
            if not isinstance(actions, dict | RepeatedKeys):
                kind = type(actions).__name__
                yield Rejection(clip_id, "bad_row", f"{kind} in the place of an object of actions")
                continue
            for action_id, entry in _items(actions):
                try:
                    yield self._clip(clip_id, action_id, entry)
                except SampleError as error:
                    yield Rejection(f"{clip_id}/{action_id}", error.code, error.detail)

    def _clip(self, clip_id: str, action_id: str, entry: Any) -> ActionClip:
        sample_id = f"{clip_id}_{action_id}"
        if not is_safe_id(clip_id) or not is_safe_id(sample_id):
            raise SampleError("bad_row", "the ids of clip and action are not a plain file name")
        if sample_id in self._images:
            raise SampleError("bad_row", f"duplicate sample id '{sample_id}'")
        if not isinstance(entry, dict):
            raise SampleError("bad_row", f"{type(entry).__name__} in the place of an action")
        label = _label(entry)
        first, second = (_relative_path(entry, key) for key in _IMAGES)
        _check_order(first, second)
        self._images[sample_id] = first, second
        for key, text in entry.items():
            if key.startswith("llava") and is_safe_id(key) and isinstance(text, str):
                self._descriptions.setdefault(key, {})[sample_id] = text
        fps = self._fps(clip_id)
        return ActionClip(
            row=f"{clip_id}/{action_id}",
            sample_id=sample_id,
            dataset=self.name,
            video_id=clip_id,
            action=label,
            verb="",
            noun="",
            t_start=math.nan,
            t_end=math.nan,
            t_input=_time(first, fps),
            t_target=_time(second, fps),
        )

    def locate(self, clip: ActionClip) -> tuple[FrameSource, FrameSource]:
        """The images of a clip that this reader's `clips` yielded."""
        first, second = (self._folder / path for path in self._images[clip.sample_id])
        for path in (first, second):
            if not path.is_file():
                raise SampleError("missing_image", str(path.relative_to(self._folder)))
        return FrameSource(first), FrameSource(second)

    def recipe(self) -> dict[str, Any]:
        return {
            "annotations": {self._json.name: sha256_file(self._json)},
            "part": self._part,
            "frames": "as released",
            "label": "as released; narrations without #C C, first word in its base form",
        }

    def descriptions(self) -> dict[str, dict[str, str]]:
        return self._descriptions

    def downloader_ids(self, clips: list[ActionClip]) -> list[str]:
        raise BenchError(
            "The released data set contains frames, not videos: leave out --list-videos."
        )

    @cached_property
    def _json(self) -> Path:
        path = self.annotation_path()
        if path.is_dir():
            places = (path, path / "EgoGen")
            names = [f"{part}_{self.subset}.json" for part in _PARTS]
            found = [place / name for name in names for place in places if (place / name).is_file()]
            if not found:
                raise BenchError(
                    f"{path} contains neither {' nor '.join(names)}: pass the folder of the "
                    "release as --annotations."
                )
            if len({file.name for file in found}) > 1:
                raise BenchError(
                    f"{path} contains {' and '.join(file.name for file in found)}: "
                    "pass one of them as --annotations."
                )
            path = found[0]
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise BenchError(
                f"{path.name} is not the name of a released file: rename it to "
                f"{' or '.join(f'{part}_{self.subset}.json' for part in _PARTS)}."
            )
        if match[2] != self.subset:
            raise BenchError(
                f"{path.name} contains the subset '{match[2]}', not '{self.subset}': "
                f"pass --subset {match[2]}."
            )
        return path

    @property
    def _part(self) -> str:
        return self._json.name.partition("_")[0]

    @cached_property
    def _entries(self) -> dict[str, Any] | RepeatedKeys:
        entries = read_json(self._json, keep_repeated=True)
        if not isinstance(entries, dict | RepeatedKeys):
            raise BenchError(
                f"{self._json} contains a {type(entries).__name__}, expected an object of clips: "
                "download the file again."
            )
        return entries

    @cached_property
    def _metadata(self) -> dict[str, Any]:
        path = self._json.with_name(f"{self._part}_metadata.json")
        metadata = read_json(path) if path.is_file() else None
        return metadata if isinstance(metadata, dict) else {}

    def _fps(self, clip_id: str) -> float:
        clip = self._metadata.get(clip_id)
        fps = clip.get("fps") if isinstance(clip, dict) else None
        return fps if isinstance(fps, int | float) and 0 < fps < 1000 else math.nan

    @cached_property
    def _folder(self) -> Path:
        """The folder that image paths are relative to: EgoGen/<part>/<subset> of the release.

        `--videos` may name it or any folder above it; the default is the annotations' folder.
        """
        root = self.videos or self._json.parent
        subset = Path(_PARTS[self._part]) / self.subset
        for place in (Path("EgoGen") / subset, subset, Path(self.subset)):
            if (root / place).is_dir():
                return root / place
        return root


def _label(entry: dict[str, Any]) -> str:
    text = entry.get("action")
    if not isinstance(text, str):
        raise SampleError("bad_row", f"action is a {type(text).__name__}, expected text")
    label = ego4d_label(text)
    label = text.strip() if label is None else label
    if not label or not label.isprintable():
        raise SampleError("bad_row", "action contains no readable text")
    return label


def _relative_path(entry: dict[str, Any], key: str) -> str:
    """The image's path; a path that leads out of its folder is rejected."""
    text = entry.get(key)
    if not isinstance(text, str) or not text.isprintable():
        raise SampleError("bad_row", f"{key} is not a path")
    path = PurePosixPath(text)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in text or ":" in text:
        raise SampleError("bad_row", f"{key} {text[:120]!r} is not below the split's folder")
    return str(path)


def _items(entries: dict[str, Any] | RepeatedKeys) -> Iterable[tuple[str, Any]]:
    return entries.items() if isinstance(entries, dict) else entries


def _check_order(first: str, second: str) -> None:
    """Raise `SampleError` if the frame numbers show that the target is not after the input."""
    before, after = (_FRAME_NUMBER.search(PurePosixPath(image).stem) for image in (first, second))
    if before is not None and after is not None and int(after[1]) <= int(before[1]):
        raise SampleError("target_not_after_input", f"image_1 {second} after image_0 {first}")


def _time(image: str, fps: float) -> float:
    number = _FRAME_NUMBER.search(PurePosixPath(image).stem)
    return math.nan if number is None else int(number[1]) / fps
