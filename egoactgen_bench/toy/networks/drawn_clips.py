"""Toy-kitchen frames before and after an action with their ground truth, rendered without video."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.support.replacing import replacing
from egoactgen_bench.toy.world.annotations import truth
from egoactgen_bench.toy.world.filming import EDITION, video_clips
from egoactgen_bench.toy.world.motion import PNR, Clip
from egoactgen_bench.toy.world.rendering import render

SIZE = 64  # pixels per side


@dataclass(frozen=True)
class Drawn:
    """n clips with their PRE-15 and PNR frames: (n, 2, 64, 64, 3) uint8 RGB."""

    clips: list[Clip]
    frames: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.clips)

    @cached_property
    def actions(self) -> list[str]:
        """The actions' names in the toy world, such as "take mug"."""
        return [clip.action for clip in self.clips]

    @cached_property
    def hands(self) -> list[str]:
        """The acting hands, "left" or "right"."""
        return [clip.plan.hand for clip in self.clips]

    @cached_property
    def labels(self) -> list[str]:
        """The actions' labels, derived from the narrations as for Ego4D."""
        return [ego4d_label(f"#C C {clip.narration}") or "" for clip in self.clips]

    @cached_property
    def places(self) -> NDArray[np.float32]:
        """(n, 2) where the actions happen: x, y as fractions of the frame's sides."""
        facts = [truth("", 0, clip) for clip in self.clips]
        return np.array([(fact["x"], fact["y"]) for fact in facts], np.float32)


def draw(subset: str, videos: int, cache: Path) -> Drawn:
    """The clips of the first `videos` videos of a subset; their frames are cached in `cache`.

    The videos of "train" and "val" are the same as in the data set.
    """
    clips = [clip for number in range(videos) for clip in video_clips(subset, number)]
    path = cache / f"toy-kitchen-{EDITION}-{subset}-{videos}-{SIZE}.npy"
    if not path.is_file():
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.stack([_frames(clip) for clip in clips]))
    return Drawn(clips, np.load(path))


def _frames(clip: Clip) -> NDArray[np.uint8]:
    rendered = (render(clip.moment(n), clip.camera(n), SIZE) for n in (clip.pre15, PNR))
    return np.stack([np.asarray(frame) for frame in rendered])
