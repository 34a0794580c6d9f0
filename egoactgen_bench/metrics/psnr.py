"""Peak signal-to-noise ratio."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field

from egoactgen_bench import images
from egoactgen_bench.metrics.base import Metric
from egoactgen_bench.metrics.batch import Batch
from egoactgen_bench.options import Options


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

    def facts(self) -> Mapping[str, str]:
        return {"range": "255"}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) dB; an identical pair has inf."""
        fit = images.resize if self.options.resize == "lanczos" else None
        pairs = zip(batch.images("output", fit), batch.images("target"), strict=True)
        return np.array([[psnr(_fitted(a, b.size), np.asarray(b))] for a, b in pairs])


def psnr(output: NDArray[np.uint8] | NDArray[np.float32], target: NDArray[np.uint8]) -> float:
    """10·log10(255² / mean squared error) of equally large images in [0, 255]; inf where equal."""
    squared = np.mean(np.square(np.subtract(output, target, dtype=np.float64)))
    return float("inf") if squared == 0 else float(10 * np.log10(255.0**2 / squared))


def _fitted(output: Image.Image, size: tuple[int, int]) -> NDArray[np.uint8] | NDArray[np.float32]:
    """The pixels of `output` in `size`: as released, floats resized without antialias."""
    if output.size == size:
        return np.asarray(output)
    from egoactgen_bench.metrics.tensors import resize_bilinear, unit_tensor

    width, height = size
    resized: NDArray[np.float32] = resize_bilinear(unit_tensor(output), height, width).numpy()
    return resized.transpose(1, 2, 0) * np.float32(255)
