"""The kernel Inception distance."""

from egoactgen_bench.api.feature_metric import Features
from egoactgen_bench.metrics.fid import InceptionDistance
from egoactgen_bench.metrics.kernel_distance import kernel_distance


class Kid(InceptionDistance):
    """Kernel distance of the outputs' and the targets' Inception features; unbiased, times 1000."""

    name, label, position = "kid", "KID", 120
    unit, factor = "10⁻³", 1000

    def distance(self, outputs: Features, targets: Features) -> float:
        """The squared distance; unbiased, so that it may be slightly below 0."""
        return kernel_distance(outputs, targets)
