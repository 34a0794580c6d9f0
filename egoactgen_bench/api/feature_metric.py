"""Base classes of metrics that compare features of a network, per sample or of whole sets.

A similarity or distance per sample defines its network and the comparison of two features:

    class FeatureDistance(FeatureMetric[Options]):
        name, label, higher_is_better = "mine", "Mine", False

        def extractor(self):
            return MyNetwork(self.weight_path("mine.safetensors"), self.context.device)

        def compare(self, ours, theirs):
            return np.linalg.norm(ours - theirs, axis=1)

Features of targets and inputs are computed once, cached by content, and shared by all metrics
whose extractors have the same signature.
"""

from abc import abstractmethod
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric, OptionsT
from egoactgen_bench.api.metric_batch import Batch, Extractor, Role
from egoactgen_bench.api.plugin_calls import call, checked_array
from egoactgen_bench.support.row_store import with_revision


class FeatureMetric(Metric[OptionsT]):
    """Compares, for each sample, features of the output with features of the target.

    `compared` names the roles of the two items that are embedded: a network of several frames may
    see `(("input", "output"), ("input", "target"))`.
    """

    compared: ClassVar[tuple[tuple[Role, ...], tuple[Role, ...]]] = (("output",), ("target",))

    @abstractmethod
    def extractor(self) -> Extractor:
        """The network that embeds both sides."""

    @abstractmethod
    def compare(
        self, ours: NDArray[np.float32], theirs: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """(n,) values from two (n, d) arrays, the output's and the target's features."""

    def measure(self, batch: Batch) -> NDArray[np.float64]:
        """(n, 1) float64 values of `compare`."""
        extractor = call(self, "extractor")
        ours, theirs = (batch.features(extractor, *roles) for roles in self.compared)
        values = self.compare(ours, theirs)
        rows: NDArray[np.float64] = checked_array(self, "compare", values, (len(batch),))[:, None]
        return rows


class CosineMetric(FeatureMetric[OptionsT]):
    """Cosine similarity of the two features, in [−1, 1], reported × 100."""

    factor = 100
    higher_is_better = True
    bounds = (-1.0, 1.0)

    def compare(
        self, ours: NDArray[np.float32], theirs: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        return cosine(ours, theirs)


def cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) float64 cosines of the rows of two (n, d) arrays; NaN where a row is zero."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    with np.errstate(invalid="ignore"):
        cosines: NDArray[np.float64] = np.sum(a * b, axis=1) / (
            np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        )
    return cosines


class Features(Protocol):
    """An (n, d) array that may be read from disk when it is sliced by rows."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, block: slice) -> NDArray[np.floating]: ...


class FeatureSetMetric(Metric[OptionsT]):
    """Compares the features of all outputs with those of all targets, like FID.

    A row has the output's features, then the target's; extractors of equal signature share rows.
    """

    per_sample = False
    minimum_samples = 2

    @abstractmethod
    def extractor(self) -> Extractor:
        """The network that embeds both sides."""

    @abstractmethod
    def distance(self, outputs: Features, targets: Features) -> float:
        """The distance in raw units of the (n, d) features of all outputs and of all targets.

        Slice them in blocks of rows, as they are read from disk.
        """

    def measurement(self) -> str:
        """The extractor's signature: its rows do not depend on the distance."""
        return with_revision(call(self, "extractor").kept_as(), self.revision)

    def measure(self, batch: Batch) -> NDArray[np.float32]:
        """(n, 2·d): the output's features, then the target's."""
        extractor = call(self, "extractor")
        sides = [batch.features(extractor, role) for role in ("output", "target")]
        return np.concatenate(sides, axis=1)

    def summarise(self, rows: NDArray[np.floating]) -> float:
        distance: float = call(self, "distance", *self.sides(rows))
        return distance

    def sides(self, rows: NDArray[np.floating]) -> tuple["Side", "Side"]:
        """The features of all outputs, and those of all targets."""
        width = rows.shape[1] // 2
        return Side(rows, slice(0, width)), Side(rows, slice(width, 2 * width))


class Side:
    """Some columns of `rows`, read when they are sliced."""

    def __init__(self, rows: Features, columns: slice) -> None:
        self._rows, self._columns = rows, columns
        self.shape = (len(rows), columns.stop - columns.start)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, block: slice) -> NDArray[np.floating]:
        return self._rows[block][:, self._columns]
