"""LPIPS over the hands, the object and the background of the target."""

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.lpips import PUBLISHED, TRUNKS, LpipsOptions, compare, toy_facts
from egoactgen_bench.metrics.regions.region_metric import RegionMetric


class RegionLpipsOptions(Options):
    network: Literal["squeeze", "alex", "vgg"] = Field(
        default="squeeze", description="trunk: SqueezeNet 1.1, AlexNet or VGG-16"
    )


class RegionLpips(RegionMetric[RegionLpipsOptions]):
    """The mean of LPIPS' spatial map over the region.

    The map is that of the lpips package with `spatial=True`: each layer's weighted squared
    difference, upsampled bilinearly to the frame, summed over the layers. A pixel's value depends
    on its surroundings, so that a change near a region also counts a little within it.
    """

    factor = 100
    higher_is_better = False
    bounds = (0.0, math.inf)
    Options = RegionLpipsOptions
    packages = ("lpips", "torch", "torchvision")
    published_weights = PUBLISHED

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((TRUNKS[self.options.network],),)

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "range": "-1..1", **toy_facts(self.context)}

    def maps(self, batch: Batch) -> list[NDArray[np.float32]]:
        """(height, width) distances, of the target's size."""
        options = LpipsOptions(network=self.options.network)
        return compare(options, self.weight_path(*self.weights()[0]), self.context, batch).maps


class LpipsHands(RegionLpips):
    """LPIPS over the boxes of the target's hands, with SqueezeNet."""

    name, label, position, region = "lpips_hands", "LPIPS hands", 203, "hands"


class LpipsObject(RegionLpips):
    """LPIPS over the boxes of the target's objects and tools, with SqueezeNet."""

    name, label, position, region = "lpips_object", "LPIPS object", 204, "object"


class LpipsBackground(RegionLpips):
    """LPIPS outside of all boxes of the target, with SqueezeNet."""

    name, label, position, region = "lpips_background", "LPIPS background", 205, "background"
