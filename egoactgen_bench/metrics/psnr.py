"""Peak signal-to-noise ratio."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.metrics.base import Metric
from egoactgen_bench.metrics.batch import Batch
from egoactgen_bench.options import Options


class Psnr(Metric[Options]):
    """Peak signal-to-noise ratio of the output against the target, in dB."""

    name, label, unit = "psnr", "PSNR", "dB"
    position = 50
    higher_is_better = True
    may_be_infinite = True

    @classmethod
    def variants(cls) -> Mapping[str, Options]:
        return {"standard": Options(), "lego-release": Options()}

    def facts(self) -> Mapping[str, str]:
        return {"range": "255", "resize": "lanczos"}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) dB; an identical pair has inf."""
        pairs = zip(batch.images("output"), batch.images("target"), strict=True)
        return np.array([[psnr(np.asarray(a), np.asarray(b))] for a, b in pairs])


def psnr(output: NDArray[np.uint8], target: NDArray[np.uint8]) -> float:
    """10·log10(255² / mean squared error) of two equally large uint8 images; inf where equal."""
    difference = output.astype(np.int32) - target
    squared = np.mean(np.square(difference), dtype=np.float64)
    return float("inf") if squared == 0 else float(10 * np.log10(255.0**2 / squared))
