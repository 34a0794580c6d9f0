"""Structural similarity (SSIM, Wang et al. 2004)."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from egoactgen_bench.api import metric_deviations as deviations
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.options import Options
from egoactgen_bench.errors import SampleError

SIGMA, RADIUS = 1.5, 5  # the paper's 11 × 11 Gaussian window
STABILISERS = (0.01 * 255) ** 2, (0.03 * 255) ** 2


class Ssim(Metric[Options]):
    """Structural similarity of the output and the target (Wang et al. 2004), over RGB."""

    name, label, position = "ssim", "SSIM", 110
    decimals = 4
    higher_is_better = True
    bounds = (-1.0, 1.0)

    @classmethod
    def known_deviations(cls) -> deviations.Axes:
        grey = deviations.Deviation(change=deviations.all_frames(deviations.luma))
        return {**super().known_deviations(), "colour": {"luma alone": grey}}

    def facts(self) -> Mapping[str, str]:
        return {"window": "gauss11-1.5", "colour": "rgb", "range": "255", "resize": "lanczos"}

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) float64 in [−1, 1]; a frame smaller than the window fails with `too_small`."""
        pairs = zip(batch.images("output"), batch.images("target"), strict=True)
        return np.array([[ssim(output, target)] for output, target in pairs])


# Our own rather than scikit-image's, to save five packages for one function. The tests compare with
# scikit-image.
def ssim(output: Image.Image, target: Image.Image) -> float:
    """Mean SSIM over channels and all positions where the window is inside of the images."""
    if min(target.size) < 2 * RADIUS + 1:
        raise SampleError("too_small", f"{target.size}, at least {2 * RADIUS + 1} pixels per side")
    # In float64: a variance is a small difference of squares of up to 65,025.
    x, y = (np.asarray(image, np.float64) for image in (output, target))
    mean_x, mean_y = _window(x), _window(y)
    variance_x = _window(x * x) - mean_x**2
    variance_y = _window(y * y) - mean_y**2
    covariance = _window(x * y) - mean_x * mean_y
    first, second = STABILISERS
    luminance = (2 * mean_x * mean_y + first) / (mean_x**2 + mean_y**2 + first)
    structure = (2 * covariance + second) / (variance_x + variance_y + second)
    return float(np.mean(luminance * structure))


def _window(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian-weighted means over the window, (height − 10, width − 10, 3)."""
    for axis in (0, 1):
        image = gaussian_filter1d(image, SIGMA, axis=axis, radius=RADIUS)
    return image[RADIUS:-RADIUS, RADIUS:-RADIUS]
