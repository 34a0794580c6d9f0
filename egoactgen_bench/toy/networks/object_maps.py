"""Where objects are in a rendered frame: the dense supervision of a vision transformer."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoactgen_bench.toy.networks.drawn_clips import Drawn
from egoactgen_bench.toy.world.drawn_boxes import things
from egoactgen_bench.toy.world.motion import PNR, Clip
from egoactgen_bench.toy.world.scene import HANDS, MOVABLE

SIDE = 8  # patches per side
KINDS = (
    *(f"{hand} hand" for hand in HANDS),
    *MOVABLE,
    *("hob", "sink", "onion", "slices", "drawer", "water"),
)


def maps(drawn: Drawn) -> Tensor:
    """(n, 2, 13, 8, 8) float16: the fraction of each patch that each kind of object covers."""
    found = [[object_map(clip, frame) for frame in (clip.pre15, PNR)] for clip in drawn.clips]
    return torch.from_numpy(np.array(found, np.float16))


def object_map(clip: Clip, frame: int) -> NDArray[np.float64]:
    """(13, 8, 8) the fractions in one frame of a clip."""
    covered = np.zeros((len(KINDS), SIDE, SIDE))
    for kind, (left, top, right, bottom) in things(clip.moment(frame), clip.camera(frame), SIDE):
        rows, columns = _overlap(top, bottom), _overlap(left, right)
        layer = KINDS.index(kind)
        covered[layer] = np.maximum(covered[layer], np.outer(rows, columns))
    return covered


def _overlap(start: float, stop: float) -> NDArray[np.float64]:
    """(SIDE,) the fraction of each unit cell between `start` and `stop`."""
    cells = np.arange(SIDE, dtype=np.float64)
    covered: NDArray[np.float64] = np.minimum(cells + 1, stop) - np.maximum(cells, start)
    return covered.clip(0, 1)
