"""Peak signal-to-noise ratio."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from egoactgen_bench import images
from egoactgen_bench.metrics import suspects
from egoactgen_bench.metrics.base import Metric
from egoactgen_bench.metrics.batch import Batch
from egoactgen_bench.options import Options

Pixels = NDArray[np.uint8] | NDArray[np.float32]


class PsnrOptions(Options):
    resize: Literal["lanczos", "released"] = Field(
        default="lanczos", description="how an output of another size than its target's is fitted"
    )


class Psnr(Metric[PsnrOptions]):
    """Peak signal-to-noise ratio of the output against the target, in dB."""

    name, label, unit = "psnr", "PSNR", "dB"
    position = 50
    higher_is_better = True
    may_be_infinite = True
    Options = PsnrOptions

    @classmethod
    def variants(cls) -> Mapping[str, PsnrOptions]:
        return {"standard": PsnrOptions(), "lego-release": PsnrOptions(resize="released")}

    @classmethod
    def suspects(cls) -> suspects.Axes:
        from egoactgen_bench.metrics.psnr_slips import SLIPS

        grey = suspects.Way(change=suspects.all_frames(suspects.luma))
        return {**super().suspects(), **SLIPS, "colour": {"luma alone": grey}}

    def facts(self) -> Mapping[str, str]:
        return {"range": "255"}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) dB; an identical pair has inf."""
        return np.array([[psnr(output, target)] for output, target in self.pairs(batch)])

    def pairs(self, batch: Batch) -> Iterator[tuple[Pixels, NDArray[np.uint8]]]:
        """Equally large pixels of each output and target, in [0, 255]."""
        fit = images.resize if self.options.resize == "lanczos" else None
        for output, target in zip(batch.images("output", fit), batch.images("target"), strict=True):
            yield _fitted(output, target.size), np.asarray(target)


def psnr(output: Pixels, target: NDArray[np.uint8]) -> float:
    """10·log10(255² / mean squared error) of equally large images in [0, 255]; inf where equal."""
    squared = np.mean(np.square(np.subtract(output, target, dtype=np.float64)))
    return float("inf") if squared == 0 else float(10 * np.log10(255.0**2 / squared))


def _fitted(output: Image.Image, size: tuple[int, int]) -> Pixels:
    """The pixels of `output` in `size`: as released, floats resized without antialias."""
    if output.size == size:
        return np.asarray(output)
    from egoactgen_bench.metrics.tensors import resize_bilinear, unit_tensor

    width, height = size
    resized: NDArray[np.float32] = resize_bilinear(unit_tensor(output), height, width).numpy()
    return resized.transpose(1, 2, 0) * np.float32(255)
