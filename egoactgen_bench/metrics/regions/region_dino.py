"""DINOv2 similarity over the hands, the object and the background of the target."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.dino import DINOV2
from egoactgen_bench.metrics.regions.region_masks import Mask
from egoactgen_bench.metrics.regions.region_metric import RegionMetric


class RegionDino(RegionMetric[Options]):
    """Σ s·cos(output, target) / Σ s over DINOv2's patches; s is a patch's share in the region.

    The whole frame is seen, without cropping: its shorter side is resized to 224, both sides to
    multiples of 14, and the position embeddings are interpolated.
    """

    factor = 100
    higher_is_better = True
    bounds = (-1.0, 1.0)
    packages = ("pillow", "torch", "transformers")
    published_weights = (DINOV2,)

    def weights(self) -> tuple[tuple[str, ...], ...]:
        return ((DINOV2.name,),)

    def facts(self) -> Mapping[str, str]:
        return {**super().facts(), "frame": "whole"}

    def maps(self, batch: Batch) -> list[NDArray[np.float64]]:
        """(rows, columns) cosines of the patch tokens of output and target."""
        from egoactgen_bench.metrics.regions.dino_patches import patch_cosines, patch_tokens

        folder, device = self.weight_path(DINOV2.name), self.context.device

        def compute() -> list[NDArray[np.float64]]:
            # Too large for the disk; kept in memory until all runs are compared on this batch.
            theirs = batch.across_runs(
                f"dino patches|{folder}",
                lambda: [patch_tokens(folder, device, each) for each in batch.images("target")],
            )
            ours = (patch_tokens(folder, device, each) for each in batch.images("output"))
            return [patch_cosines(*pair) for pair in zip(ours, theirs, strict=True)]

        return batch.once(f"dino patch cosines|{folder}", compute)

    def value(self, mask: Mask, values: NDArray[np.floating]) -> float:
        """The mean of the patches' cosines, weighted by their share in the region."""
        return float(np.average(values, weights=shares(mask, values.shape)))


def shares(mask: Mask, grid: tuple[int, ...]) -> NDArray[np.float64]:
    """(rows, columns) the share of each cell's area that is in the mask, in [0, 1]."""
    rows, columns = grid
    whole = Image.fromarray(mask.astype(np.float32))
    cells = whole.resize((columns, rows), Image.Resampling.BOX)
    return np.asarray(cells, np.float64)


class DinoHands(RegionDino):
    """DINOv2 ViT-B/14 similarity of the patches on the target's hands."""

    name, label, position, region = "dino_hands", "DINOv2 hands", 206, "hands"


class DinoObject(RegionDino):
    """DINOv2 ViT-B/14 similarity of the patches on the target's objects and tools."""

    name, label, position, region = "dino_object", "DINOv2 object", 207, "object"


class DinoBackground(RegionDino):
    """DINOv2 ViT-B/14 similarity of the patches outside of all boxes of the target."""

    name, label, position, region = "dino_background", "DINOv2 background", 208, "background"
