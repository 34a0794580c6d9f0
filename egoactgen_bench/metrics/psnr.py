"""Peak signal-to-noise ratio."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from egoactgen_bench.api import metric_deviations as deviations
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.metric_deviations import Axes, Deviation
from egoactgen_bench.api.options import Options
from egoactgen_bench.support import images

Pixels = NDArray[np.uint8] | NDArray[np.float32]


class PsnrOptions(Options):
    resize: Literal["lanczos", "released"] = Field(
        default="lanczos", description="how an output is resized to its target's size"
    )


class Psnr(Metric[PsnrOptions]):
    """Peak signal-to-noise ratio of the output against the target, in dB."""

    name, label, unit = "psnr", "PSNR", "dB"
    position = 50
    higher_is_better = True
    bounds = (0.0, float("inf"))
    may_be_infinite = True
    Options = PsnrOptions

    @classmethod
    def variants(cls) -> Mapping[str, PsnrOptions]:
        return {"standard": PsnrOptions(), "lego-release": PsnrOptions(resize="released")}

    @classmethod
    def known_deviations(cls) -> deviations.Axes:
        grey = deviations.Deviation(change=deviations.all_frames(deviations.luma))
        return {**super().known_deviations(), **KNOWN_MISTAKES, "colour": {"luma alone": grey}}

    def facts(self) -> Mapping[str, str]:
        return {"range": "255"}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) float64 in dB; inf for an identical pair."""
        return np.array([[psnr(output, target)] for output, target in self.pairs(batch)])

    def pairs(self, batch: Batch) -> Iterator[tuple[Pixels, NDArray[np.uint8]]]:
        """Pixels of each output and target, of equal shape, in [0, 255]."""
        fit = images.resize if self.options.resize == "lanczos" else None
        for output, target in zip(batch.images("output", fit), batch.images("target"), strict=True):
            yield _fitted(output, target.size), np.asarray(target)


def psnr(output: Pixels, target: NDArray[np.uint8]) -> float:
    """10·log10(255² / mean squared error) of two images in [0, 255]; inf if they are equal."""
    # In float64, since differences of uint8 overflow: 3 − 5 is 254.
    squared = np.mean(np.square(np.subtract(output, target, dtype=np.float64)))
    return float("inf") if squared == 0 else float(10 * np.log10(255.0**2 / squared))


def _fitted(output: Image.Image, size: tuple[int, int]) -> Pixels:
    """The pixels of `output` at `size`, resized as the released code does: without antialias."""
    if output.size == size:
        return np.asarray(output)
    from egoactgen_bench.metrics.tensors import resize_bilinear, unit_tensor

    width, height = size
    resized: NDArray[np.float32] = resize_bilinear(unit_tensor(output), height, width).numpy()
    return resized.transpose(1, 2, 0) * np.float32(255)


# Deviations of other libraries, and common mistakes: only `bench doctor` measures these.
PEAKS = {"255": 255.0, "halved": 127.5, "doubled": 510.0}


class MistakenPsnrOptions(PsnrOptions):
    peak: Literal["255", "halved", "doubled", "own"] = "255"
    difference: Literal["exact", "wrapped"] = "exact"
    average: Literal["decibels", "errors"] = "decibels"


class MistakenPsnr(Psnr):
    """PSNR with another peak, with overflowing uint8 differences, or of the mean of all errors."""

    Options = MistakenPsnrOptions
    options: MistakenPsnrOptions

    @classmethod
    def variants(cls) -> Mapping[str, PsnrOptions]:
        return {"standard": MistakenPsnrOptions()}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) in dB; if errors are averaged first, squared errors relative to the peak's."""
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


def _mistake(**options: str) -> Deviation:
    return Deviation(options=options, metric=MistakenPsnr)


KNOWN_MISTAKES: Axes = {
    "peak": {
        "peak 1 for frames in -1…1": _mistake(peak="halved"),
        "peak 2 for frames in 0…1": _mistake(peak="doubled"),
        "peak from the target's own range": _mistake(peak="own"),
    },
    "difference": {"differences wrapped around in uint8": _mistake(difference="wrapped")},
    "average": {"dB of the mean squared error of all": _mistake(average="errors")},
}
