"""Before and after frames of the toy kitchen with their truth, drawn without the way over video."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.datasets.labels import ego4d_label
from egoactgen_bench.support.files import replacing
from egoactgen_bench.toy.world.annotations import truth
from egoactgen_bench.toy.world.filming import EDITION, video_clips
from egoactgen_bench.toy.world.motion import PNR, Clip
from egoactgen_bench.toy.world.photograph import photograph

SIZE = 64  # pixels of a side


@dataclass(frozen=True)
class Drawn:
    """n clips, and their PRE-15 and PNR frames, (n, 2, 64, 64, 3) uint8 RGB."""

    clips: list[Clip]
    frames: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.clips)

    @cached_property
    def actions(self) -> list[str]:
        """The world's names of what is done."""
        return [clip.action for clip in self.clips]

    @cached_property
    def hands(self) -> list[str]:
        """ "left" or "right"."""
        return [clip.plan.hand for clip in self.clips]

    @cached_property
    def labels(self) -> list[str]:
        """The actions as annotators name them."""
        return [ego4d_label(f"#C C {clip.narration}") or "" for clip in self.clips]

    @cached_property
    def places(self) -> NDArray[np.float32]:
        """(n, 2) where it happens, in shares of the kitchen's width and height."""
        facts = [truth("", 0, clip) for clip in self.clips]
        return np.array([(fact["x"], fact["y"]) for fact in facts], np.float32)


def draw(subset: str, videos: int, cache: Path) -> Drawn:
    """The clips of the first `videos` videos of a subset; frames are kept in `cache`.

    Videos of "train" and "val" are those that the data set films.
    """
    clips = [clip for number in range(videos) for clip in video_clips(subset, number)]
    path = cache / f"toy-kitchen-{EDITION}-{subset}-{videos}-{SIZE}.npy"
    if not path.is_file():
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.save(stream, np.stack([_photographs(clip) for clip in clips]))
    return Drawn(clips, np.load(path))


def _photographs(clip: Clip) -> NDArray[np.uint8]:
    moments = (clip.pre15, PNR)
    drawn = (photograph(clip.moment(m), clip.camera(m), SIZE) for m in moments)
    return np.stack([np.asarray(image) for image in drawn])
