"""PSNR over the hands, the object and the background of the target."""

import math

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.regions.region_masks import Mask
from egoactgen_bench.metrics.regions.region_metric import RegionMetric


class RegionPsnr(RegionMetric[Options]):
    """10·log10(255² / MSE), with the mean squared error over the region's pixels and channels."""

    unit = "dB"
    higher_is_better = True
    bounds = (0.0, math.inf)
    may_be_infinite = True

    def maps(self, batch: Batch) -> list[NDArray[np.float64]]:
        """(height, width) squared errors of pixels in [0, 255], averaged over the channels."""

        def compute() -> list[NDArray[np.float64]]:
            pairs = zip(batch.images("output"), batch.images("target"), strict=True)
            return [_squared_errors(np.asarray(ours), np.asarray(theirs)) for ours, theirs in pairs]

        return batch.once("regions|squared errors", compute)

    def value(self, mask: Mask, values: NDArray[np.floating]) -> float:
        """In dB; inf if all pixels of the region are equal."""
        error = super().value(mask, values)
        return math.inf if error == 0 else 10 * math.log10(255.0**2 / error)


def _squared_errors(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> NDArray[np.float64]:
    differences = np.subtract(ours, theirs, dtype=np.float64)
    errors: NDArray[np.float64] = np.square(differences).mean(axis=2)
    return errors


class PsnrHands(RegionPsnr):
    """PSNR over the boxes of the target's hands, in dB."""

    name, label, position, region = "psnr_hands", "PSNR hands", 200, "hands"


class PsnrObject(RegionPsnr):
    """PSNR over the boxes of the target's objects and tools, in dB."""

    name, label, position, region = "psnr_object", "PSNR object", 201, "object"


class PsnrBackground(RegionPsnr):
    """PSNR outside of all boxes of the target, in dB."""

    name, label, position, region = "psnr_background", "PSNR background", 202, "background"
