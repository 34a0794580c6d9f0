"""The base of the metrics of regions: a map over the frame, averaged over one of its regions."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric, OptionsT, Rows
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.errors import SampleError
from egoactgen_bench.metrics.regions.region_masks import (
    NO_BOX,
    SMALL_REGION,
    Mask,
    Region,
    region_masks,
)


class RegionMetric(Metric[OptionsT]):
    """Compares the output with the target within one region of the target.

    The regions of one metric share `maps`, of which a batch has one set. A sample without the
    region has no value, which is not a failure.
    """

    region: ClassVar[Region]
    group = "By region"
    inapplicable = frozenset({NO_BOX, SMALL_REGION})
    needs = frozenset({"output", "target", "boxes"})

    def facts(self) -> Mapping[str, str]:
        return {"region": self.region, "resize": "lanczos"}

    def measure(self, batch: Batch) -> Rows:
        """(n, 1) float64, or a list with a `SampleError` for each sample without the region."""
        masks = self._masks(batch)
        if all(isinstance(mask, SampleError) for mask in masks):
            return [mask for mask in masks if isinstance(mask, SampleError)]
        pairs = zip(masks, self.maps(batch), strict=True)
        rows: list[NDArray[np.float64] | SampleError] = [
            mask if isinstance(mask, SampleError) else np.array([self.value(mask, each)])
            for mask, each in pairs
        ]
        complete = [row for row in rows if not isinstance(row, SampleError)]
        return np.stack(complete) if len(complete) == len(rows) else rows

    @abstractmethod
    def maps(self, batch: Batch) -> Sequence[NDArray[np.floating]]:
        """Of each sample a map (h, w) of its frame, in any resolution; shared with `batch.once`."""

    def value(self, mask: Mask, values: NDArray[np.floating]) -> float:
        """The mean of a map of the target's size over the pixels of a region."""
        return float(values[mask].mean(dtype=np.float64))

    def _masks(self, batch: Batch) -> list[Mask | SampleError]:
        def compute() -> list[Mapping[Any, Mask | SampleError]]:
            frames = zip(batch.texts("boxes"), batch.images("target"), strict=True)
            return [region_masks(boxes, frame.size) for boxes, frame in frames]

        return [masks[self.region] for masks in batch.across_runs("regions|masks", compute)]
