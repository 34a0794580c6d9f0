"""A Fréchet distance whose features need no network: only the toolkit's own work is measured."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoactgen_bench.api.feature_metric import Features, FeatureSetMetric
from egoactgen_bench.api.metric_batch import Extractor
from egoactgen_bench.api.options import Options
from egoactgen_bench.metrics.frechet import Moments, frechet_distance


class SmallImages(Extractor):
    """The pixels of a frame, averaged to 7 × 4."""

    def signature(self) -> str:
        return "small-images"

    def extract(self, items: Sequence[tuple[Any, ...]]) -> NDArray[np.float32]:
        """(n, 84) float32 in [0, 255]."""
        small = [image.resize((7, 4), Image.Resampling.BOX) for (image,) in items]
        return np.stack([np.asarray(each, np.float32).ravel() for each in small])


class SmallFid(FeatureSetMetric[Options]):
    """The Fréchet distance of the outputs' and the targets' averaged pixels."""

    name, label = "small_fid", "FID of small features"
    higher_is_better = False

    def extractor(self) -> Extractor:
        return SmallImages()

    def distance(self, outputs: Features, targets: Features) -> float:
        return frechet_distance(Moments.of(outputs), Moments.of(targets))
