"""Optional filters of a split: they reject samples by what their two frames show.

All measures are of grey values at a fixed size, so that --size does not change them. A filter never
moves a frame: a sample is kept with its frames exactly at their times, or it is rejected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.api.records import FrameSource
from egoactgen_bench.errors import SampleError
from egoactgen_bench.support.images import resize

BLURRED, UNCHANGED, UNRELATED = "blurred", "unchanged", "unrelated"
REASONS = (BLURRED, UNCHANGED, UNRELATED)
SHARPNESS_SIZE = 456, 256  # width, height
SIMILARITY_SIZE = 56, 32  # small, so that hands and objects count more than texture
NEIGHBOURS = 3  # on each side of a frame, at equal steps


@dataclass(frozen=True, slots=True)
class SampleFilters:
    """Thresholds of the filters; None switches a filter off.

    `min_sharpness` is the least sharpness of a frame as a share of that of the sharpest frame
    within `sharpness_window` seconds. `min_similarity` and `max_similarity` are bounds of the
    similarity of a sample's input and target.
    """

    min_sharpness: float | None = None
    sharpness_window: float = 0.5
    min_similarity: float | None = None
    max_similarity: float | None = None

    def __bool__(self) -> bool:
        return self.compares_neighbours or self.compares_frames

    @property
    def compares_neighbours(self) -> bool:
        return self.min_sharpness is not None

    @property
    def compares_frames(self) -> bool:
        return self.min_similarity is not None or self.max_similarity is not None

    def recipe(self) -> dict[str, Any]:
        """The thresholds and the measures, for split.json; empty without filters."""
        if not self:
            return {}
        found: dict[str, Any] = {
            key: value for key, value in asdict(self).items() if value is not None
        }
        if self.compares_neighbours:
            found["sharpness"] = (
                f"variance of the Laplacian at {_text(SHARPNESS_SIZE)}, as a share of the largest "
                f"of {2 * NEIGHBOURS} neighbours"
            )
        else:
            del found["sharpness_window"]
        if self.compares_frames:
            found["similarity"] = f"correlation of the grey values at {_text(SIMILARITY_SIZE)}"
        return {"filters": found}

    def neighbours(self, source: FrameSource) -> list[FrameSource]:
        """The frames that a frame of a video is compared with, which may not exist."""
        if not self.compares_neighbours or source.time is None:
            return []
        step = self.sharpness_window / NEIGHBOURS
        offsets = (step * number for number in range(-NEIGHBOURS, NEIGHBOURS + 1) if number)
        return [replace(source, time=source.time + offset) for offset in offsets]

    def traits(self, image: Image.Image) -> "FrameTraits":
        """What the filters need to know about a frame."""
        return FrameTraits(
            sharpness(image) if self.compares_neighbours else 0.0,
            _grey(image, SIMILARITY_SIZE) if self.compares_frames else np.empty((0, 0)),
        )

    def check(
        self, frames: Mapping[str, "FrameTraits"], around: Mapping[str, Sequence[float]]
    ) -> None:
        """Raise `SampleError` if a sample's frames, by role, do not pass.

        `around` has the sharpness of those neighbours of each frame that could be read.
        """
        for role, traits in frames.items():
            self._check_sharpness(role, traits.sharpness, max(around.get(role, ()), default=0.0))
        if self.compares_frames:
            self._check_similarity(similarity(frames["input"].grey, frames["target"].grey))

    def _check_sharpness(self, role: str, found: float, sharpest: float) -> None:
        if self.min_sharpness is not None and found < self.min_sharpness * sharpest:
            raise SampleError(
                BLURRED,
                f"{role}: {found / sharpest:.3f} of the sharpness of the sharpest frame within "
                f"{self.sharpness_window:g} s, less than {self.min_sharpness:g}",
            )

    def _check_similarity(self, found: float) -> None:
        if self.max_similarity is not None and found > self.max_similarity:
            bound = f"more than {self.max_similarity:g}"
            raise SampleError(UNCHANGED, f"similarity of input and target {found:.3f}, {bound}")
        if self.min_similarity is not None and found < self.min_similarity:
            bound = f"less than {self.min_similarity:g}"
            raise SampleError(UNRELATED, f"similarity of input and target {found:.3f}, {bound}")


NO_FILTERS = SampleFilters()


@dataclass(frozen=True, slots=True)
class FrameTraits:
    """Measures of one frame; those that no filter needs are empty."""

    sharpness: float
    grey: NDArray[np.float64]


def sharpness(image: Image.Image) -> float:
    """The variance of the Laplacian of the grey values, which blur reduces."""
    grey = _grey(image, SHARPNESS_SIZE)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var())


def similarity(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Pearson's correlation of two grey pictures of one size, in [−1, 1].

    1 for equal pictures; 0 if one is of a single colour and the other is not.
    """
    if np.array_equal(first, second):
        return 1.0
    x, y = first - first.mean(), second - second.mean()
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale else 0.0


def _grey(image: Image.Image, size: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(resize(image.convert("L"), size), np.float64)


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
