"""Peak signal-to-noise ratio as other libraries and slips have it: for `bench doctor` alone."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.metrics.batch import Batch
from egoactgen_bench.metrics.psnr import Pixels, Psnr, PsnrOptions
from egoactgen_bench.metrics.suspects import Axes, Way

PEAKS = {"255": 255.0, "halved": 127.5, "doubled": 510.0}


class SlipOptions(PsnrOptions):
    peak: Literal["255", "halved", "doubled", "own"] = "255"
    difference: Literal["exact", "wrapped"] = "exact"
    average: Literal["decibels", "errors"] = "decibels"


class SlippedPsnr(Psnr):
    """PSNR with another peak, in bytes that wrap around, or of the mean of all errors."""

    Options = SlipOptions
    options: SlipOptions

    @classmethod
    def variants(cls) -> Mapping[str, PsnrOptions]:
        return {"standard": SlipOptions()}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) dB; or, to be averaged first, squared errors in units of the peak's square."""
        errors = np.array([[self._error(*pair)] for pair in self.pairs(batch)])
        return errors if self.options.average == "errors" else decibels(errors)

    def summarise(self, rows: NDArray[np.floating]) -> float:
        mean = super().summarise(rows)
        return float(decibels(np.array(mean))) if self.options.average == "errors" else mean

    def _error(self, output: Pixels, target: NDArray[np.uint8]) -> float:
        if self.options.difference == "wrapped":
            difference = output.astype(np.uint8) - target
        else:
            difference = np.subtract(output, target, dtype=np.float64)
        squared = np.square(difference).mean(dtype=np.float64)
        peak = PEAKS.get(self.options.peak) or float(np.ptp(target)) or PEAKS["255"]
        return float(squared / peak**2)


def decibels(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """−10·log10, inf for 0."""
    with np.errstate(divide="ignore"):
        return -10 * np.log10(errors)


def _way(**options: str) -> Way:
    return Way(options=options, metric=SlippedPsnr)


SLIPS: Axes = {
    "peak": {
        "peak 1 for frames in -1…1": _way(peak="halved"),
        "peak 2 for frames in 0…1": _way(peak="doubled"),
        "peak from the target's own range": _way(peak="own"),
    },
    "difference": {"differences wrapped around in uint8": _way(difference="wrapped")},
    "average": {"dB of the mean squared error of all": _way(average="errors")},
}
