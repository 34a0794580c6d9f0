"""Before and after frames of the toy kitchen with their truth, drawn without the way over video."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.datasets.toy_kitchen.annotations import truth
from egoactgen_bench.datasets.toy_kitchen.motion import PNR
from egoactgen_bench.datasets.toy_kitchen.picture import photograph
from egoactgen_bench.datasets.toy_kitchen.world import EDITION, video_clips
from egoactgen_bench.files import replacing

SIZE = 64  # pixels of a side


@dataclass(frozen=True)
class Drawn:
    """n clips: PRE-15 and PNR frames, and what is true of them.

    `frames` (n, 2, 64, 64, 3) uint8 RGB, before and after; `actions` the world's names of them;
    `labels` as annotators narrate them; `hands` "left" or "right"; `places` (n, 2) float32, where
    the action happens, in shares of the kitchen's width and height.
    """

    frames: NDArray[np.uint8]
    actions: NDArray[np.str_]
    labels: NDArray[np.str_]
    hands: NDArray[np.str_]
    places: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.actions)


def draw(subset: str, videos: int, cache: Path) -> Drawn:
    """The clips of the first `videos` videos of a subset, drawn once and kept in `cache`.

    Videos of "train" and "val" are those that the data set films.
    """
    path = cache / f"toy-kitchen-{EDITION}-{subset}-{videos}-{SIZE}.npz"
    if path.is_file():
        with np.load(path) as stored:
            return Drawn(**stored)
    drawn = _draw(subset, videos)
    with replacing(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **vars(drawn))
    return drawn


def _draw(subset: str, videos: int) -> Drawn:
    clips = [clip for number in range(videos) for clip in video_clips(subset, number)]
    frames = np.empty((len(clips), 2, SIZE, SIZE, 3), np.uint8)
    for clip, pair in zip(clips, frames, strict=True):
        for moment, pixels in zip((clip.pre15, PNR), pair, strict=True):
            pixels[:] = photograph(clip.moment(moment), clip.camera(moment), SIZE)
    facts = [truth("", 0, clip) for clip in clips]
    return Drawn(
        frames,
        actions=np.array([fact["action"] for fact in facts]),
        labels=np.array([ego4d_label(f"#C C {clip.narration}") for clip in clips]),
        hands=np.array([fact["hand"] for fact in facts]),
        places=np.array([(fact["x"], fact["y"]) for fact in facts], np.float32),
    )
