"""The cosine of two embeddings, and the metrics that are one."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric, OptionsT
from egoactgen_bench.api.metric_batch import Batch, Extractor, Role


class CosineMetric(Metric[OptionsT]):
    """Base of metrics that compare an embedding of the output with one of the target."""

    factor = 100
    higher_is_better = True
    compared: ClassVar[tuple[tuple[Role, ...], tuple[Role, ...]]] = (("output",), ("target",))

    @abstractmethod
    def extractor(self) -> Extractor:
        """The network that embeds both sides."""

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) cosines in [−1, 1]."""
        extractor = self.extractor()
        ours, theirs = (batch.features(extractor, *roles) for roles in self.compared)
        return cosine(ours, theirs)[:, None]


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Cosines of the rows of two (n, d) arrays, (n,); NaN where a row is zero."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.sum(a * b, axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
